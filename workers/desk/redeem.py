"""Codes that were sent are redeemed: once, in constant time, with at most five tries."""

import hmac
from datetime import UTC, datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared.store.tables import DeliveryRow

MOST_TRIES = 5


def redeem(session: Session, delivery: int, expected: str, said: str) -> bool:
    """Count a try at a delivery's code; if it is right, the delivery is opened and takes no more tries."""
    counted = session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.id == delivery, DeliveryRow.tries < MOST_TRIES, DeliveryRow.opened_at.is_(None))
        .values(tries=DeliveryRow.tries + 1)
        .returning(DeliveryRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    digits = "".join(char for char in said if char not in " -\t\r\n\u00a0")
    if not hmac.compare_digest(digits.encode(), expected.encode()) or not counted:
        return False
    session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.id == delivery)
        .values(opened_at=datetime.now(UTC))
        .execution_options(synchronize_session=False)
    )
    return True
