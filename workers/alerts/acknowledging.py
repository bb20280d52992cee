"""Acknowledging: by an alert's id or a message's, from the command line or by a signed link."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared.domain.errors import UsageError
from shared.store import alert_outbox
from shared.store.session import Store
from shared.store.tables import AlertDeliveryRow, AlertRow


def named_by(session: Session, ident: str) -> list[AlertRow]:
    """Return the alerts of this id, or of the message of this id."""
    within = select(AlertDeliveryRow.alert_id).where(AlertDeliveryRow.batch == ident)
    query = select(AlertRow).where(or_(AlertRow.id == ident, AlertRow.id.in_(within)))
    query = query.order_by(AlertRow.urgent.desc(), AlertRow.raised_at, AlertRow.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def acknowledge(store: Store, ident: str, *, by: str, now: datetime) -> list[AlertRow]:
    """Acknowledge what an id names, and return it; nobody is told of it again. What is not open stays as it is."""
    with store.write() as session:
        found = named_by(session, ident)
        if not found:
            raise UsageError("no such alert or message; `rightsdesk alerts` lists them")
        alert_outbox.acknowledge(session, [one.id for one in found], by=by, now=now)
        return named_by(session, ident)
