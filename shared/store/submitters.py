"""Who may submit: public keys, each for the clients it is registered for, within its dates, until it is revoked."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.domain.errors import UsageError
from shared.store.tables import SubmitterKeyRow

_SKEW = timedelta(minutes=5)  # by which a submitter's clock may be behind ours
_SHORTEST = 8  # of an id's beginning that names a key


def allow(session: Session, key: SubmitterKeyRow, *, since: datetime | None = None) -> SubmitterKeyRow:
    """Register a key for a client, or give it other dates; a UsageError once it was revoked.

    Without `since` it is valid from when it was added; one that is known keeps its beginning.
    """
    known = session.get(SubmitterKeyRow, (key.kid, key.client))
    if known is not None and known.revoked_at is not None:
        raise UsageError("this key was revoked for the client: make a new pair")
    row = known or key
    row.valid_from, row.valid_until = since or (known.valid_from if known else key.added_at), key.valid_until
    if row.valid_until is not None and row.valid_until <= row.valid_from:
        raise UsageError("--until lies before the key's beginning")
    session.add(row)
    return row


def revoke(session: Session, ident: str, client: str | None, now: datetime) -> list[str]:
    """Revoke a key, named by its id or the beginning of it, at one client or at all; return the clients."""
    if len(ident) < _SHORTEST:
        raise UsageError(f"give at least {_SHORTEST} characters of the key's id")
    rows = [one for one in registered(session) if one.kid.startswith(ident) and client in (None, one.client)]
    if len({one.kid for one in rows}) > 1:
        raise UsageError("several keys begin so: give more of the id")
    if not rows:
        raise UsageError("no such key; `rightsdesk keys list` lists them")
    standing = [one.client for one in rows if one.revoked_at is None]
    if not standing:
        raise UsageError("the key has been revoked already")
    session.execute(
        update(SubmitterKeyRow)
        .where(SubmitterKeyRow.kid == rows[0].kid, SubmitterKeyRow.client.in_(standing))
        .values(revoked_at=now)
    )
    return standing


def registered(session: Session) -> list[SubmitterKeyRow]:
    """Return all keys, by client and the time from which they are valid."""
    order = SubmitterKeyRow.client, SubmitterKeyRow.valid_from, SubmitterKeyRow.kid
    return list(session.scalars(select(SubmitterKeyRow).order_by(*order)))


def of_kid(session: Session, kid: str) -> list[SubmitterKeyRow]:
    """Return a key's rows, one a client."""
    return list(session.scalars(select(SubmitterKeyRow).where(SubmitterKeyRow.kid == kid)))


def refusal(rows: list[SubmitterKeyRow], client: object, issued: int) -> str | None:
    """Say why a key may not submit for a client what it signed then; None if it may.

    The dates count at the signature, so that what was signed in time may arrive later; for an older signature than
    it is, nobody has more than a message's lifetime. A revocation counts at once, whatever was signed when.
    """
    row = next((one for one in rows if one.client == client), None)
    if row is None:
        return "signed by a key that is not allowed for this client"
    if row.revoked_at is not None:
        return "signed by a key that was revoked"
    at = datetime.fromtimestamp(issued, UTC)
    if at < row.valid_from - _SKEW or (row.valid_until is not None and at >= row.valid_until):
        return "signed by a key outside its dates"
    return None


def state(row: SubmitterKeyRow, now: datetime) -> str:
    """Return revoked, future, over or valid."""
    if row.revoked_at is not None:
        return "revoked"
    if now < row.valid_from:
        return "future"
    return "over" if row.valid_until is not None and now >= row.valid_until else "valid"
