"""Packages: a person's data, each file encrypted with the ticket's key, below an fsspec URL.

The step that writes a file registers it in a sealed list, in its finishing transaction. A step that runs again
writes new objects; what no list names is swept with the ticket.
"""

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import fsspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shared.domain.errors import Final, UsageError
from shared.envelope import Encrypting, decrypt_stream, seal_json, unseal_json
from shared.store.tables import PackagePartRow
from workers.naming import Names
from workers.table import Batch, Table, Written

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a package: its name there, where it is stored, its size in bytes and SHA-256 (hex).

    A long table is stored in pieces, in order.
    """

    name: str
    stored: str | Sequence[str]
    size: int
    sha256: str
    system: str = ""

    @property
    def pieces(self) -> Sequence[str]:
        """The names under which it is stored."""
        return [self.stored] if isinstance(self.stored, str) else self.stored


class PackageStore:
    """Where the packages of all tickets are kept."""

    def __init__(self, url: str) -> None:
        try:
            self.fs, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, TypeError):
            raise UsageError("RIGHTSDESK_PACKAGES fits no storage driver installed here; see the README") from None

    def path(self, ticket: UUID, stored: str) -> str:
        """Return where a stored file is."""
        return f"{self.root}/{ticket}/{stored}"

    @contextmanager
    def create(
        self, ticket: UUID, key: bytes, *, name: str, system: str
    ) -> Iterator[tuple[Encrypting, Callable[[], PackageFile]]]:
        """Yield a sink, and a function that describes the file once the block has ended."""
        stored = f"{uuid4().hex}.bin"
        self.fs.makedirs(f"{self.root}/{ticket}", exist_ok=True)
        with self.fs.open(self.path(ticket, stored), "wb") as raw:
            sink = Encrypting(raw, key, aad=_aad(ticket, stored))
            yield sink, lambda: PackageFile(name, stored, sink.size, sink.digest.hexdigest(), system)
            sink.finish()

    def read(self, ticket: UUID, key: bytes, file: PackageFile) -> Iterator[bytes]:
        """Yield a file's content, decrypted; a SealError if it was changed, Final if it is gone."""
        for stored in file.pieces:
            try:
                raw = self.fs.open(self.path(ticket, stored), "rb")
            except FileNotFoundError:
                raise Final("a file of the package is gone from the package store") from None
            with raw:
                yield from decrypt_stream(key, raw, aad=_aad(ticket, stored))

    def remove(self, ticket: UUID) -> None:
        """Delete a ticket's package, with what no list names."""
        if not self.is_gone(ticket):
            self.fs.rm(f"{self.root}/{ticket}", recursive=True)

    def is_gone(self, ticket: UUID) -> bool:
        """Look, past whatever listing is remembered, whether nothing of a ticket's package is there."""
        self.fs.invalidate_cache()
        return not self.fs.exists(f"{self.root}/{ticket}")


def _aad(ticket: UUID, stored: str) -> bytes:
    return b"package:" + ticket.bytes + stored.encode()


@dataclass
class PartWriter:
    """One step's part of a package; implements `shared.ports.Package` for a system.

    `kept` is what `keep` last stored before a crash, else "": how far the tables came.
    """

    store: PackageStore
    ticket: UUID
    key: bytes
    system: str = ""
    files: list[PackageFile] = field(default_factory=list)
    kept: str = ""
    keep: Callable[[str], None] = lambda _: None
    _names: Names = field(default_factory=Names)

    def __post_init__(self) -> None:
        known = json.loads(self.kept) if self.kept else {}
        self._tables = {name: Written(**written) for name, written in known.items()}

    def rows(self, collection: str, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> int:
        """Write `data/<system>/<collection>.json` (an array of objects) and `.csv` beside it."""
        return self.batches(collection, columns, [(0, rows)])

    def passed(self, collection: str) -> int:
        """Return how many notes of a collection were written before a crash."""
        return self._tables[collection].passed if collection in self._tables else 0

    def batches(self, collection: str, columns: Iterable[str], batches: Iterable[Batch]) -> int:
        """Write the same for very many rows, of which those of `passed` notes stand already."""
        written = self._tables.setdefault(collection, Written())
        base = self._names.of(f"data/{self.system}", collection, whole=True)
        Table(written, lambda ending: self._create(base + ending), self._keep).write(list(columns), batches)
        self.files += [self._joined(base + ending, pieces) for ending, pieces in written.pieces.items()]
        return written.rows

    def _create(self, name: str) -> Any:
        return self.store.create(self.ticket, self.key, name=name, system=self.system)

    def _joined(self, name: str, pieces: Sequence[tuple[str, int, str]]) -> PackageFile:
        stored, sizes, digests = zip(*pieces, strict=True)
        joined = PackageFile(name, stored if len(stored) > 1 else stored[0], sum(sizes), digests[0], self.system)
        if len(stored) == 1:
            return joined
        digest = hashlib.sha256()
        for chunk in self.store.read(self.ticket, self.key, joined):
            digest.update(chunk)
        return replace(joined, sha256=digest.hexdigest())

    def _keep(self) -> None:
        self.keep(json.dumps({name: asdict(written) for name, written in self._tables.items()}))

    def file(self, name: str, content: bytes | BinaryIO) -> None:
        """Write `files/<system>/<name>`."""
        self.put(self._names.of(f"files/{self.system}", name), content)

    def put(self, name: str, content: bytes | BinaryIO) -> None:
        """Write a file at a place of the package that is ours."""
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        with self._create(name) as (sink, described):
            while chunk := source.read(_CHUNK):
                sink.write(chunk)
        self.files.append(described())


def save_part(session: Session, key: bytes, ticket: UUID, step: int, files: Iterable[PackageFile]) -> None:
    """Register what a step put into the package; what it had registered before no longer counts."""
    sealed = seal_json(key, [asdict(one) for one in files], aad=_list_aad(ticket))
    known = session.execute(
        update(PackagePartRow)
        .where(PackagePartRow.step_id == step, PackagePartRow.ticket_id == ticket)
        .values(sealed=sealed)
        .returning(PackagePartRow.step_id)
    ).all()
    if not known:
        session.execute(insert(PackagePartRow).values(step_id=step, ticket_id=ticket, sealed=sealed))


def package_files(session: Session, key: bytes, ticket: UUID, *, besides: int | None = None) -> list[PackageFile]:
    """Return a package's files, but for one step's; of two files with one name the later step's counts."""
    rows = session.execute(
        select(PackagePartRow.step_id, PackagePartRow.sealed)
        .where(PackagePartRow.ticket_id == ticket)
        .order_by(PackagePartRow.step_id)
    )
    files: dict[str, PackageFile] = {}
    for step, sealed in rows:
        if step != besides:
            listed = unseal_json(key, sealed, aad=_list_aad(ticket))
            files |= {one["name"]: PackageFile(**one) for one in listed}
    return list(files.values())


def _list_aad(ticket: UUID) -> bytes:
    return b"package:" + ticket.bytes


class _Pipe:
    """What is written to it is taken out at the other end; it cannot be sought, so a ZIP archive streams."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def write(self, data: bytes, /) -> int:
        """Take some bytes."""
        self._buffer += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is nobody to wait for."""

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def take(self) -> bytes:
        """Return what was written since."""
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken


def zipped(store: PackageStore, ticket: UUID, key: bytes, files: Iterable[PackageFile]) -> Iterator[bytes]:
    """Yield a ZIP archive of a package, decrypted on the fly, in constant memory."""
    pipe = _Pipe()
    with ZipFile(pipe, "w") as archive:
        for one in files:
            entry = ZipInfo(one.name, time.gmtime()[:6])
            entry.compress_type, entry.file_size, entry.external_attr = ZIP_DEFLATED, one.size, 0o600 << 16
            with archive.open(entry, "w") as target:
                for chunk in store.read(ticket, key, one):
                    target.write(chunk)
                    if piece := pipe.take():
                        yield piece
    yield pipe.take()


def extract(store: PackageStore, ticket: UUID, key: bytes, files: Iterable[PackageFile], out: Path) -> int:
    """Write a package into a folder that is new or empty; return the number of files."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is not an empty folder; name another one")
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        return sum(_extract_one(store.read(ticket, key, one), one, out.resolve()) for one in files)
    except OSError as error:  # its file name may hold a person's
        raise UsageError(f"cannot write into {out}: {error.strerror}") from None


def _extract_one(content: Iterable[bytes], one: PackageFile, root: Path) -> int:
    target = (root / one.name).resolve()
    if not target.is_relative_to(root):
        raise Final("a package names a file outside of its folder")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for chunk in content:
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != one.sha256:
        raise Final("a package file differs from its list")
    return 1
