"""What may outgrow memory: a list and a map that go to disk when they grow, and are gone with their owner.

The disk holds only what is sealed or digested with a key that lives in this process, in files without a name.
"""

import hashlib
import pickle
import secrets
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Generic, TypeVar, overload

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

T = TypeVar("T")
V = TypeVar("V")

CHUNK = 2000  # items of a list in memory, and in a sealed chunk
RECENT = 20_000  # entries of a map in memory
_CACHE_KIB = 16384
_KEY = secrets.token_bytes(32)


def digest_of(*parts: str) -> bytes:
    """Return a key for a `Ledger`: 16 bytes that say nothing outside of this process."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16, key=_KEY).digest()


class Spilled(Generic[T]):
    """A list that only grows, read in either direction; all but its last items rest sealed on disk."""

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._rest: list[T] = []
        self._ends = [0]
        self._file: IO[bytes] | None = None
        for one in items:
            self.append(one)

    def append(self, item: T) -> None:
        """Add an item."""
        self._rest.append(item)
        if len(self._rest) == CHUNK:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when nobody needs the list any more
                self._cipher = AESGCM(AESGCM.generate_key(256))
            sealed = self._cipher.encrypt(self._nonce(self._ends[-1]), pickle.dumps(self._rest), None)
            self._file.seek(self._ends[-1])
            self._file.write(sealed)
            self._ends.append(self._ends[-1] + len(sealed))
            self._rest = []

    def __len__(self) -> int:
        return (len(self._ends) - 1) * CHUNK + len(self._rest)

    def __iter__(self) -> Iterator[T]:
        for number in range(len(self._ends) - 1):
            yield from self._opened(number)
        yield from self._rest

    def __reversed__(self) -> Iterator[T]:
        yield from reversed(self._rest)
        for number in reversed(range(len(self._ends) - 1)):
            yield from reversed(self._opened(number))

    def _opened(self, number: int) -> list[T]:
        assert self._file is not None
        start, end = self._ends[number : number + 2]
        self._file.seek(start)
        raw = self._cipher.decrypt(self._nonce(start), self._file.read(end - start), None)
        chunk: list[T] = pickle.loads(raw)  # noqa: S301 - sealed by this very object
        return chunk

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    @staticmethod
    def _nonce(start: int) -> bytes:
        return start.to_bytes(12, "big")  # a place is written once, and the key is this list's own


class Ledger:
    """A map from digests to whole numbers, its keys in ascending order; all but the latest entries rest on disk."""

    def __init__(self) -> None:
        self._recent: dict[bytes, int] = {}
        self._disk: sqlite3.Connection | None = None

    def __setitem__(self, digest: bytes, number: int) -> None:
        self._recent[digest] = number
        if len(self._recent) >= RECENT:
            self._to_disk().executemany("INSERT OR REPLACE INTO entry VALUES (?, ?)", sorted(self._recent.items()))
            self._recent.clear()

    def get(self, digest: bytes) -> int | None:
        """Return the number of a digest, None if there is none."""
        found = self._recent.get(digest)
        if found is None and self._disk is not None:
            row = self._disk.execute("SELECT number FROM entry WHERE digest = ?", (digest,)).fetchone()
            return int(row[0]) if row else None
        return found

    def __contains__(self, digest: bytes) -> bool:
        return self.get(digest) is not None

    def __iter__(self) -> Iterator[bytes]:
        if self._disk is None:
            yield from sorted(self._recent)
            return
        self._to_disk().executemany("INSERT OR REPLACE INTO entry VALUES (?, ?)", self._recent.items())
        self._recent.clear()
        yield from (digest for (digest,) in self._disk.execute("SELECT digest FROM entry ORDER BY digest"))

    def _to_disk(self) -> sqlite3.Connection:
        if self._disk is None:
            # SQLite's own unnamed database: in memory until it must spill, gone when it is closed
            self._disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
                self._disk.execute(f"PRAGMA {pragma}")
            self._disk.execute("CREATE TABLE entry (digest BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID")
            self._disk.execute("BEGIN")
        return self._disk

    def __del__(self) -> None:
        if self._disk is not None:
            self._disk.close()


class Labels(Generic[V]):
    """A map from places (texts) to values of which there are few different ones, such as fates."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._values: list[V] = []
        self._numbers: dict[V, int] = {}

    def __setitem__(self, place: tuple[str, ...], value: V) -> None:
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        self._ledger[digest_of(*place)] = number

    def __getitem__(self, place: tuple[str, ...]) -> V:
        number = self._ledger.get(digest_of(*place))
        if number is None:
            raise KeyError
        return self._values[number]

    @overload
    def get(self, place: tuple[str, ...]) -> V | None: ...

    @overload
    def get(self, place: tuple[str, ...], default: V) -> V: ...

    def get(self, place: tuple[str, ...], default: V | None = None) -> V | None:
        """Return the value at a place, or the default."""
        number = self._ledger.get(digest_of(*place))
        return default if number is None else self._values[number]

    def __contains__(self, place: tuple[str, ...]) -> bool:
        return digest_of(*place) in self._ledger
