"""Dead letters: tried again on the queue, so that intake judges them as any entry."""

from sqlalchemy import update

from shared.domain.errors import UsageError
from shared.store.tables import DeadLetterRow
from workers import alarms
from workers.broker import INTAKE, connect
from workers.intake import dead_aad
from workers.office import Office


def replay(office: Office, letter: int) -> None:
    """Push a dead letter's entry to the intake list; it stays on record as replayed."""
    with office.store.write() as session:
        row = session.get(DeadLetterRow, letter)
        if row is None or row.replayed_at is not None:
            raise UsageError("no such dead letter; `rightsdesk dead` lists them")
        if not row.entry:
            raise UsageError("the dead letter's retention has ended and its content was deleted")
        # pushed inside the transaction: a failed push leaves the letter listed, a failed commit repeats it harmlessly
        connect(office.settings).lpush(INTAKE, office.vault.unseal(row.entry, aad=dead_aad()))
        session.execute(update(DeadLetterRow).where(DeadLetterRow.id == letter).values(replayed_at=office.now()))
        alarms.replayed(session, letter)
