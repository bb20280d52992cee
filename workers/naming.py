"""What files of a package are called: names that any system takes, and that differ from one another on any."""

import hashlib
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import PurePosixPath


def safe_name(name: str) -> str:
    """Return a name that can be a file's on any system: no separator, no control character, at most 120 bytes."""
    kept = "".join("_" if char in '/\\:*?"<>|' or not char.isprintable() else char for char in name).strip(". ")
    if len(kept.encode()) <= 120:
        return kept or "_"
    stem, dot, end = kept.rpartition(".")
    tail = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    tail += dot + end if stem and len(end) <= 8 else ""
    return kept.encode()[: 119 - len(tail)].decode(errors="ignore") + "-" + tail


@dataclass(slots=True)
class Names:
    """The names of one part of a package: what is given another name gets another file, the same name the same."""

    _given: dict[tuple[str, str], str] = field(default_factory=dict)
    _files: set[str] = field(default_factory=set)  # without case: not every system has one
    _folders: set[str] = field(default_factory=set)
    _tried: dict[str, int] = field(default_factory=dict)

    def of(self, folder: str, name: str, *, whole: bool = False) -> str:
        """Return what a path below a folder of ours is called; `whole`: it is one name, whatever signs are in it."""
        if (folder, name) not in self._given:
            given = [name] if whole else name.split("/")
            *above, last = [safe_name(one) for one in given if one not in ("", ".")] or ["_"]
            path = f"{folder}/"
            for one in above:
                path = self._free(path + one, self._files) + "/"
                self._folders.add(path[:-1].casefold())
            self._given[folder, name] = self._free(path + last, self._files, self._folders)
            self._files.add(self._given[folder, name].casefold())
        return self._given[folder, name]

    def _free(self, path: str, *taken: set[str]) -> str:
        """Return a path, numbered if it is taken."""
        plain = PurePosixPath(path)
        numbered = (str(plain.with_stem(f"{plain.stem}-{number}")) for number in count(self._tried.get(path, 2)))
        for one in chain([path], numbered):
            if not any(one.casefold() in paths for paths in taken):
                return one
            self._tried[path] = self._tried.get(path, 1) + 1
        raise AssertionError  # numbers have no end
