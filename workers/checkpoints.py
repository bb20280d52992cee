"""Checkpoints, as beat has them kept: cover what changed, publish, look whether all still verifies.

Harmless however often it runs, and in parallel: of two checkpoints with one number one is stored, and what is
published twice is the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from shared.domain.errors import RightsdeskError
from shared.evidence import checkpoint_leaf, sign_checkpoint
from shared.log import place_of
from shared.store import checkpoints
from shared.store.alerts import raise_alert, settle, settle_kind
from shared.store.audit import Audit
from shared.store.broken import Broken
from shared.store.session import Store
from shared.store.tables import PublicationRow, TicketRow
from workers import alarms
from workers.office import Office
from workers.published import Differs, Published

log = structlog.get_logger()

MOST = 10_000  # entries that one checkpoint covers, so that none takes long
_CHECKPOINTS, _PUBLISHED = f"{alarms.EVIDENCE}:checkpoints", f"{alarms.EVIDENCE}:published"
_PATIENCE = timedelta(minutes=15)  # until somebody is told that nothing can be published
_AT_ONCE = 100
_CALLS = 100  # somebody is called for so many tickets at most: then it is not about each


def keep(office: Office, *, most: int = MOST) -> int:
    """Cover all that is uncovered and publish it; return how many checkpoints, over `most` entries each, were made."""
    made, more = 0, True
    while more:
        done, more = _cover(office, most)
        made += done
    publish(office)
    return made


def _cover(office: Office, most: int) -> tuple[bool, bool]:
    """Make one checkpoint if there is anything to cover; say whether, and whether there is more."""
    now = office.now()
    try:
        with office.store.read() as session:
            number, before = checkpoints.last(session)
            found = checkpoints.uncovered(session, most=most)
            signs = checkpoints.signing_key(session)
    except (ValueError, TypeError, KeyError, AttributeError):  # a row holds what we do not write
        log.error("evidence.unreadable")  # noqa: TRY400 - a traceback may quote a row
        with office.store.write() as session:
            raise_alert(session, kind=alarms.EVIDENCE, dedup=_CHECKPOINTS, now=now, urgent=True)
        return False, False
    _tell(office, found, now)
    if not found.marks:
        return False, False
    hashes = [checkpoint_leaf(number, before), *(leaf.hash for leaf in found.leaves)]
    document = sign_checkpoint(number + 1, now, before, hashes, office.vault.signer_of(signs))
    try:
        with office.store.write() as session:
            if found.leaves:
                checkpoints.save(session, document, found.leaves)
            checkpoints.settle(session, found.marks)
    except IntegrityError:
        return False, False  # another was faster, and covers the same
    return bool(found.leaves), found.more


def _tell(office: Office, found: checkpoints.Uncovered, now: datetime) -> None:
    """Call somebody for the chains that do not follow: no checkpoint vouches for them."""
    for ticket, entry in found.broken:
        log.error("evidence.broken", ticket=str(ticket), entries=entry)
    if found.broken:
        with office.store.write() as session:
            for ticket, _ in found.broken[:_CALLS]:
                alarms.broken(session, session.get(TicketRow, ticket), ticket, now)


def publish(office: Office) -> None:
    """Publish what is not yet, in order, where the settings name a place."""
    if office.settings.checkpoints is None:
        return
    with office.store.read() as session:
        waiting = checkpoints.unpublished(session, most=_AT_ONCE)
    done, error = _put(office.settings.checkpoints, waiting) if waiting else ([], None)
    if error is not None:
        log.warning("checkpoint.unpublished", error=place_of(error))
    now = office.now()
    late = error is not None and now - datetime.fromisoformat(waiting[len(done)]["at"]) > _PATIENCE
    try:
        with office.store.write() as session:
            if done:
                session.execute(insert(PublicationRow), [{"checkpoint": number, "at": now} for number in done])
            if late or isinstance(error, Differs):
                raise_alert(session, kind=alarms.EVIDENCE, dedup=_PUBLISHED, now=now)
            elif error is None:
                settle(session, _PUBLISHED)
    except IntegrityError:
        return  # another has published the same


def _put(url: str, waiting: Sequence[dict[str, Any]]) -> tuple[list[int], Exception | None]:
    done: list[int] = []
    try:
        place = Published(url)
        for document in waiting:
            place.put(document)
            done.append(document["number"])
    except Exception as error:  # noqa: BLE001 - a storage's driver raises what it likes; its text may hold the URL
        return done, error
    return done, None


def audit(office: Office) -> list[Broken]:
    """Look whether all evidence verifies; somebody is called if it does not, until it does."""
    url, found, whole = office.settings.checkpoints, list[Broken](), True
    with office.store.read(snapshot=True) as session:
        try:
            for one in Audit(session, office.vault.verifiers).broken(Published(url) if url else None):
                log.error("evidence.broken", ticket=str(one.ticket), reason=one.reason)
                found.append(one)
        except RightsdeskError as error:
            log.warning("checkpoint.unread", error=str(error))
            whole = False
    if found or whole:
        alarm(office.store, found, office.now())
    return found


def alarm(store: Store, found: Sequence[Broken], now: datetime) -> None:
    """Raise an alert for each ticket whose evidence does not verify, and one for the rest; end them if all does."""
    with store.write() as session:
        for ticket in [one.ticket for one in found if one.ticket][:_CALLS]:
            alarms.broken(session, session.get(TicketRow, ticket), ticket, now)
        if any(one.ticket is None for one in found):
            raise_alert(session, kind=alarms.EVIDENCE, dedup=_CHECKPOINTS, now=now, urgent=True)
        if not found:
            settle_kind(session, alarms.EVIDENCE, besides=_PUBLISHED)
