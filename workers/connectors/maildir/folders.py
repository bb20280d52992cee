"""Maildirs on disk: where messages are, whatever flags they bear; moved, rewritten and removed without a lock.

A message's key is its folder of origin and its file's name without flags and sizes, so it stays the same while
mail programs rename the file, while it is restricted, and when a redacted copy has another size. Restricted
messages lie beside their folder: those of `ada@acme.example/.Sent` in `ada@acme.example/.Restricted.Sent`.
"""

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shared.domain.errors import Final, Retryable
from workers.connectors.maildir.compressed import packed, unpacked

_SUBFOLDERS = ("new", "cur")  # in this order: a message that is moved meanwhile is seen twice, not never
_SIZES = re.compile(r"(?:,[SW]=\d+)+$")
_SIZE = re.compile(r",([SW])=\d+")
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Folder:
    """A Maildir: `origin` is its own path below the root or, if it holds restricted messages, their folder's."""

    path: Path
    origin: str
    restricted: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message's file is, or was a moment ago."""

    path: Path
    key: str
    restricted: bool

    @property
    def folder(self) -> str:
        """The folder of origin."""
        return self.key.rpartition("/")[0]


@contextmanager
def reachable() -> Iterator[None]:
    """Turn what the disk says into our two families, without the paths that it names."""
    try:
        yield
    except PermissionError:
        raise Final("the mailboxes may not be read or changed; check the rights of the worker's user") from None
    except OSError as error:
        raise Retryable(f"the mailboxes cannot be reached: {error.strerror or 'input or output error'}") from None


class Mailboxes:
    """All Maildirs below a folder."""

    def __init__(self, root: Path, restricted_folder: str) -> None:
        self.root = root
        self._restricted = f".{restricted_folder}"

    def folders(self) -> list[Folder]:
        """Return every Maildir, at any depth; none at all is an error, since a disk may not be mounted."""
        if not self.root.is_dir():
            raise Final("the folder of mailboxes does not exist; check `path` in the inventory")
        if not (found := list(self._below(self.root, set()))):
            raise Final("no mailbox stands below the path in the inventory; check that its disk is mounted")
        return found

    def messages(self) -> Iterator[Place]:
        """Yield every message."""
        for folder in self.folders():
            for path in _files(folder.path):
                yield Place(path, f"{folder.origin}/{base_of(path.name)}", folder.restricted)

    def places(self, keys: Iterable[str]) -> dict[str, list[Place]]:
        """Return where the messages with these keys are: nowhere, somewhere, or twice after a crash."""
        wanted: dict[str, set[str]] = defaultdict(set)
        for key in keys:
            origin, _, base = key.rpartition("/")
            wanted[origin].add(base)
        found: dict[str, list[Place]] = defaultdict(list)
        for origin, bases in wanted.items():
            for restricted in (False, True):
                for path in _files(self._folder(origin, restricted=restricted)):
                    if (base := base_of(path.name)) in bases:
                        found[f"{origin}/{base}"].append(Place(path, f"{origin}/{base}", restricted))
        return found

    def caches(self) -> bool:
        """Say whether the mail server keeps heads of messages, deleted ones too, beside the folders."""
        return any(one.is_file() for folder in self.folders() for one in folder.path.glob("dovecot.index.cache*"))

    def closed(self) -> tuple[int, int, int]:
        """Return how many Maildirs there are, in how many messages may not be read, and in how many not changed."""
        folders = [one.path for one in self.folders()]
        unread = sum(not all(_may(path / name, os.R_OK | os.X_OK) for name in _SUBFOLDERS) for path in folders)
        places = ("", "tmp", *_SUBFOLDERS)  # beside a folder the restricted one is made, in tmp the redacted copy
        fixed = sum(
            not all(_may(path / name, os.W_OK | os.X_OK) for name in places if (path / name).exists())
            for path in folders
        )
        return len(folders), unread, fixed

    def read(self, place: Place) -> bytes | None:
        """Return a message, though its file was renamed meanwhile; None if it is gone."""
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                return unpacked(place.path.read_bytes())
            if not (now := self.places([place.key])[place.key]):
                return None
            place = now[0]
        raise Retryable("a message is being renamed too often")

    def remove(self, key: str, places: list[Place]) -> None:
        """Delete a message; already gone is success."""
        self._until_done(key, places, lambda place: place.path.unlink())

    def move(self, key: str, places: list[Place], *, restricted: bool) -> None:
        """Move a message to the restricted folder beside its own, or back; its name and flags stay."""
        folder = self._folder(key.rpartition("/")[0], restricted=restricted)

        def act(place: Place) -> None:
            if place.restricted != restricted:
                _make(folder, like=place.path)
                place.path.rename(folder / place.path.parent.name / place.path.name)

        self._until_done(key, places, act)

    def rewrite(self, key: str, places: list[Place], change: Callable[[bytes], bytes]) -> None:
        """Put what `change` makes of a message in its place, with its date, flags and owner; the key stays.

        The size in a file's name, where it has one, is kept true: a mail server trusts it, and by the new name it
        knows that what it remembers of the message (its headers, in caches) no longer holds.
        """
        ours: set[Path] = set()

        def act(place: Place) -> None:
            path, kept = place.path, place.path.read_bytes()
            before = unpacked(kept)
            after = change(before)
            if after is not before:
                _replace(path, packed(after, like=kept))
                ours.add(path)
            if (name := _true_name(path.name, after)) != path.name:
                ours.discard(path)
                ours.add(path.rename(path.with_name(name)))

        for _ in range(_TRIES):
            self._until_done(key, places, act)
            now = self.places([key])[key] if ours else []
            places = [place for place in now if place.path not in ours and place.path.exists()]
            if not places:
                return
            # A mail program renamed the message just before its copy took the old name: change it under the new one.
            for path in ours:
                path.unlink(missing_ok=True)
            ours.clear()
        raise Retryable("a message is being renamed too often")

    def _until_done(self, key: str, places: list[Place], act: Callable[[Place], None]) -> None:
        """Act on each place; look again if a file was renamed meanwhile, until all are done or gone."""
        for _ in range(_TRIES):
            renamed = False
            for place in places:
                try:
                    act(place)
                except FileNotFoundError:
                    renamed = True
            if not renamed:
                return
            places = self.places([key])[key]
        raise Retryable("a message is being renamed too often")

    def _folder(self, origin: str, *, restricted: bool) -> Path:
        path = self.root / origin
        if ".." in path.parts or not path.is_relative_to(self.root):
            raise Final("a key names a message outside of the mailboxes")
        if not restricted:
            return path
        if origin != "." and path.name.startswith(".") and _is_maildir(path.parent):
            return path.with_name(self._restricted + path.name)
        return path / self._restricted

    def _below(self, path: Path, seen: set[tuple[int, int]]) -> Iterator[Folder]:
        """Walk, through links too, but never into a folder twice."""
        status = path.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        if _is_maildir(path):
            yield self._as_folder(path)
        with os.scandir(path) as entries:
            below = sorted(one.name for one in entries if one.is_dir())
        for name in below:
            if name not in {"cur", "new", "tmp"}:
                yield from self._below(path / name, seen)

    def _as_folder(self, path: Path) -> Folder:
        origin = path
        restricted = (
            path != self.root and f"{path.name}.".startswith(f"{self._restricted}.") and _is_maildir(path.parent)
        )
        if restricted:
            rest = path.name.removeprefix(self._restricted)
            origin = path.with_name(rest) if rest else path.parent
        return Folder(path, origin.relative_to(self.root).as_posix(), restricted)


def base_of(name: str) -> str:
    """Return a message file's name without flags and sizes."""
    return _SIZES.sub("", name.partition(":")[0])


def _files(folder: Path) -> Iterator[Path]:
    for subfolder in _SUBFOLDERS:
        with suppress(FileNotFoundError), os.scandir(folder / subfolder) as entries:
            for one in entries:
                if one.name.startswith("."):
                    continue
                if one.is_symlink():
                    raise Final("a mailbox holds a link in place of a message; put the message itself there")
                if one.is_file(follow_symlinks=False):
                    yield folder / subfolder / one.name


def _may(path: Path, how: int) -> bool:
    return os.access(path, how, effective_ids=os.access in os.supports_effective_ids)


def _is_maildir(path: Path) -> bool:
    # a restore may have dropped what was empty
    return (path / "cur").is_dir() or (path / "new").is_dir()


def _make(folder: Path, *, like: Path) -> None:
    """Make a Maildir whose owner and rights are those of the one in which a message lies."""
    model = like.parent
    for path in (folder, *(folder / name for name in ("tmp", "new", "cur"))):
        if not path.is_dir():
            path.mkdir(exist_ok=True)
            _own(path, model)
    marker = folder / "maildirfolder"  # Maildir++: this is a folder of a mailbox, not a mailbox
    if not marker.exists():
        marker.touch()
        _own(marker, like)


def _own(path: Path, model: Path) -> None:
    status = model.stat()
    shutil.copymode(model, path)
    with suppress(PermissionError):  # only root may give files away
        os.chown(path, status.st_uid, status.st_gid)


def _replace(path: Path, data: bytes) -> None:
    tmp = path.parent.parent / "tmp"
    tmp.mkdir(exist_ok=True)
    copy = tmp / f"{base_of(path.name)}.redacted"
    with copy.open("wb") as file:
        _own(copy, path)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    shutil.copystat(path, copy)
    copy.replace(path)


def _true_name(name: str, data: bytes) -> str:
    base, colon, flags = name.partition(":")
    size = len(data)
    sizes = {"S": size, "W": size + data.count(b"\n") - data.count(b"\r\n")}
    told = _SIZES.search(base)
    if not told:
        return name
    return base[: told.start()] + _SIZE.sub(lambda one: f",{one[1]}={sizes[one[1]]}", told.group()) + colon + flags
