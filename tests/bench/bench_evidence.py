"""Evidence: what a look at all of it costs beside one plain SHA-256 of the same bytes, and a checkpoint per entry.

`ENTRIES=100000 make bench T=evidence` for another number; each ticket has twenty, and a certificate.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select

from shared.evidence import canonical, sign
from shared.store.audit import Audit
from shared.store.chain import Chain
from shared.store.tables import CertificateRow, EvidenceRow, TicketRow
from tests.evidence import AT, append, begin, opened
from workers import checkpoints
from workers.office import Office

ENTRIES = int(os.environ.get("ENTRIES", "100000"))
EACH = 20
PARTS = 5
T = TypeVar("T")


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        office = opened(Path(folder))
        per_entry = [_covered(office, part) for part in range(PARTS)]
        print(
            "a checkpoint costs, per new entry, "
            + ", ".join(f"{1e6 * one:.0f} µs" for one in per_entry)
            + f" as the database grows to {ENTRIES} entries; {1e6 * _appended(office):.0f} µs per entry appended after"
        )
        _verified(office)
        office.close()


def _covered(office: Office, part: int) -> float:
    number = ENTRIES // EACH // PARTS
    with office.store.write() as session:
        for ticket in range(part * number, (part + 1) * number):
            session.add(_ticket(UUID(int=ticket)))
        session.flush()
        for ticket in range(part * number, (part + 1) * number):
            chain = Chain(UUID(int=ticket))
            for _ in range(EACH - 1):
                counts = {"contacts": {"erased": 3}, "messages": {"erased": chain.seq, "redacted": 1}}
                chain.append("step", AT, {"step": chain.seq, "verb": "delete", "state": "done", "counts": counts})
            chain.append("closed", AT, {"outcome": "fulfilled"}, secret="as it was decided", key=b"k" * 32)
            chain.write(session)
            body = {"ticket": str(chain.ticket), "evidence": {"entries": chain.seq, "head": chain.head.hex()}}
            document = sign(body, office.vault.signer)
            session.add(CertificateRow(ticket_id=chain.ticket, signed_at=AT, document=document))
    seconds, _ = _timed(lambda: checkpoints.keep(office))
    return seconds / (number * EACH)


def _ticket(ident: UUID) -> TicketRow:
    return TicketRow(
        id=ident, client="acme", right="erasure", stage="tell", stage_since=AT, priority=1, received_at=AT,
        accepted_at=AT, due_at=AT, strict_at=AT, closed_at=AT, state="closed", fingerprint=b"",
    )  # fmt: skip


def _appended(office: Office) -> float:
    """Return what it costs to append an entry to a chain of its own, commit and all."""
    begin(office, UUID(int=2**64))
    seconds, _ = _timed(lambda: [append(office, UUID(int=2**64)) for _ in range(100)])
    return seconds / 100


def _verified(office: Office) -> None:
    with office.store.read(snapshot=True) as session:
        audit = Audit(session, office.vault.signer.public_key())
        seconds, found = _timed(lambda: list(audit.broken()))
        assert not found, found[0]
        e = EvidenceRow
        raw = [
            b"".join((kind.encode(), payload.encode(), sealed or b"", digest))
            for kind, payload, sealed, digest in session.execute(select(e.kind, e.payload, e.sealed, e.hash))
        ]
        raw += [canonical(one).encode() for one in session.scalars(select(CertificateRow.document))]
    plain, _ = _timed(lambda: [hashlib.sha256(one).digest() for one in raw])
    print(
        f"{audit}: {seconds:.1f} s; one plain SHA-256 of each, the same {sum(map(len, raw)) / 1e6:.0f} MB, already in "
        f"memory: {plain:.2f} s in the same run; all that is looked at costs {seconds / plain:.0f} of it"
    )


def _timed(act: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = act()
    return time.perf_counter() - began, result
