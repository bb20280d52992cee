"""Rotation of keys while the stack works: each can be broken off anywhere, and goes on when it is asked for again.

The order makes it safe: a key is in the vault before it is used, and goes only when nothing uses it and nobody can.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, Table, func, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError

from shared.domain.errors import Retryable, RightsdeskError
from shared.envelope import SealError
from shared.evidence import checkpoint_leaf, sign_checkpoint, succeed
from shared.store import checkpoints
from shared.store.tables import DeadLetterRow, HoldRow, KeyChangeRow, RetiredKeyRow, TicketRow, core
from shared.vault import LABEL, file, label
from shared.vault.keyring import Key, Keyring, SigningKey
from workers.intake import dead_aad
from workers.office import Office

_BATCH = 500
_SEALED: tuple[tuple[Table, str, Callable[[Any], bytes]], ...] = (
    (core(TicketRow), "wrapped_key", lambda ident: b"key:" + ident.bytes),
    (core(HoldRow), "wrapped_key", lambda ident: b"key:" + ident.bytes),
    (core(DeadLetterRow), "entry", lambda _: dead_aad()),
)
_SHUT = "{} {}: no master key here opens it; put the row back, or the newest keys/vault.json, and rotate again"


def rotate_master(office: Office, *, say: Callable[[int], None] = lambda _: None) -> int:
    """Wrap all tickets' data keys by a new master key and destroy the old ones; return how many were wrapped again.

    What a broken-off rotation left is finished first, by the key that it made. `say` gets the number so far. A
    RightsdeskError by an older copy of the vault: what its next key sealed the others could not open.
    """
    done = 0
    with file.changing(office.settings.root, ".rotating"):
        if label(office.vault.ring.masters[-1]) in _retired(office):
            raise RightsdeskError(
                "the vault here is from before the last rotation: put the newest keys/vault.json here"
            )
        ring = office.vault.change(_with_another)
        for number in _wrap_all(office, ring.masters[-1]):
            say(done := done + number)
        _retire(office, ring.masters[:-1])
        for number in _wrap_all(office, ring.masters[-1]):  # by who had not heard of it yet; from here on nobody can
            say(done := done + number)
        office.vault.change(lambda now: now.model_copy(update={"masters": now.masters[-1:]}))
    return done


def _retired(office: Office) -> set[bytes]:
    with office.store.read() as session:
        return set(session.scalars(select(RetiredKeyRow.label)))


def _with_another(ring: Keyring) -> Keyring:
    return ring if len(ring.masters) > 1 else ring.model_copy(update={"masters": (*ring.masters, Key())})


def _wrap_all(office: Office, key: Key) -> Iterator[int]:
    for table, column, aad in _SEALED:
        while number := _wrap_some(office, table, column, aad, key):
            yield number


def _wrap_some(office: Office, table: Table, name: str, aad: Callable[[Any], bytes], key: Key) -> int:
    """Wrap a batch again; rows that somebody holds are left for another one, unless there are no others.

    What retention destroyed is empty, and stays so.
    """
    column, mine = table.c[name], literal(label(key), LargeBinary)
    query = select(table.c.id, column).where(func.length(column) > 0, func.substr(column, 1, LABEL) != mine)
    query = query.limit(_BATCH)
    with office.store.write() as session:
        rows = session.execute(query.with_for_update(key_share=True, skip_locked=True)).all()
        rows = rows or session.execute(query.limit(1).with_for_update(key_share=True)).all()
        for ident, sealed in rows:
            try:
                wrapped = office.vault.seal(office.vault.unseal(sealed, aad=aad(ident)), aad=aad(ident))
            except (SealError, Retryable):
                raise RightsdeskError(_SHUT.format(table.name, ident)) from None
            session.execute(update(table).where(table.c.id == ident, column == sealed).values({name: wrapped}))
    return len(rows)


def _retire(office: Office, keys: tuple[Key, ...]) -> None:
    """Let nobody seal anything by these keys any more; wait for who is at it, one table after the other.

    Who locked several at once would wait in a circle with who writes to them in another order.
    """
    known = _retired(office)
    rows = [{"label": label(key), "at": office.now()} for key in keys if label(key) not in known]
    if rows:
        with office.store.write() as session:
            session.execute(insert(RetiredKeyRow), rows)
    if office.store.url.get_backend_name() == "sqlite":
        return  # it has one writer at a time
    for table, _, _ in _SEALED:
        with office.store.write() as session:
            session.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))


def rotate_signing(office: Office) -> SigningKey:
    """Let another key sign certificates and checkpoints; return it. The one before signs that it follows, and goes.

    What was signed before verifies as before. A RightsdeskError by an older copy of the vault.
    """
    with file.changing(office.settings.root, ".rotating"):
        with office.store.read() as session:
            office.vault.signer_of(checkpoints.signing_key(session))
        following = office.vault.change(_with_following).following
        assert following is not None
        while not _succeeded(office, following):
            pass  # another checkpoint was faster
        return office.vault.change(lambda now: _promoted(now, office.now())).signing[-1]


def _with_following(ring: Keyring) -> Keyring:
    return ring if ring.following else ring.model_copy(update={"following": SigningKey.fresh()})


def _succeeded(office: Office, following: SigningKey) -> bool:
    """Make the checkpoint that says so, unless it is there; say whether it is."""
    now = office.now()
    with office.store.read() as session:
        number, before = checkpoints.last(session)
        signs = checkpoints.signing_key(session)
    if signs == following.id:
        return True
    signer = office.vault.signer_of(signs)
    statement = succeed(following.verifier, now, signer)
    leaf = checkpoints.succession(statement)
    document = sign_checkpoint(number + 1, now, before, [checkpoint_leaf(number, before), leaf.hash], signer)
    try:
        with office.store.write() as session:
            checkpoints.save(session, document, [leaf])
            session.add(KeyChangeRow(checkpoint=number + 1, key=following.id, statement=statement))
    except IntegrityError:
        return False
    return True


def _promoted(ring: Keyring, now: datetime) -> Keyring:
    if ring.following is None:
        return ring
    before = [one.model_copy(update={"secret": None, "until": one.until or now}) for one in ring.signing]
    return ring.model_copy(update={"signing": (*before, ring.following), "following": None})
