"""Whose an object is, by a file beside it: JSON, or the lines `field=value` of a voicemail."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import field_validator

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, Traits, normalise_name
from workers.connectors.objects.ownership import CATEGORIES, CONTACTS, Owner, StrictRule

_LINE = re.compile(r"^(\w[\w-]*)(\s*=>?\s*)(.*?)(\s*)$", re.MULTILINE)
_CALLER = re.compile(r'\s*(?:"?([^"<]*?)"?\s*)<([^<>]+)>\s*')  # "Name" <number>, as Asterisk and mail write it


class Sidecar(StrictRule):
    """`a.pdf` has `a.pdf.json` or `a.json` beside it, whose `field` (dotted) names the owner, or owners.

    With another suffix it may be a text of lines `field=value`: `msg0000.txt` beside the voicemail `msg0000.wav`, whose
    `callerid` says `"Name" <number>`.
    """

    sidecar: str
    field: str
    kind: str | None = None

    @field_validator("sidecar")
    @classmethod
    def _suffix(cls, value: str) -> str:
        if "/" in value or not value.startswith("."):
            raise ValueError("a sidecar is named by its suffix, such as .json")
        return value

    def names(self, name: str) -> tuple[str, str]:
        """Return the names that an object's sidecar may have; the first that is there counts."""
        return name + self.sidecar, name.rpartition(".")[0] + self.sidecar

    def pairs(self, names: Collection[str]) -> dict[str, str]:
        """Return {object: its sidecar} of a folder."""
        found = {name: next((one for one in self.names(name) if one in names and one != name), "") for name in names}
        return {name: sidecar for name, sidecar in found.items() if sidecar}

    def like(self, names: Collection[str]) -> dict[str, str]:
        """Return {object: what would be its sidecar} where a suffix is in other letters, such as .JSON."""
        folded = {name.casefold(): name for name in names if not name.endswith(self.sidecar)}
        odd = {name for name in folded.values() if name.casefold().endswith(self.sidecar.casefold())}
        pairs = {
            name: next((folded[one.casefold()] for one in self.names(name) if one.casefold() in folded), "")
            for name in names
        }
        return {name: one for name, one in pairs.items() if one in odd} | {one: one for one in odd}

    def owners(self, document: Mapping[str, Any], subject: Subject) -> list[Owner]:
        """Return the owners that a sidecar names; what else it says of one owner is theirs, of several nobody's."""
        values = list(self._values(document))
        owners = [frozenset(self._identifiers(value, subject)) for value in values]
        if len(values) != 1:
            return [Owner(Traits(one)) for one in owners if one]
        more = {subject.identify(kind, document.get(field)) for field, kind in CONTACTS.items()}
        name = document.get("name") if isinstance(document.get("name"), str) else _called(values[0])[0]
        names = frozenset({normalise_name(str(name))} if name else ())
        return [Owner(Traits(owners[0] | {one for one in more if one}, names), str(name))]

    def rectified(
        self, document: Mapping[str, Any], changes: Mapping[str, str], subject: Subject
    ) -> tuple[dict[str, Any], set[str]]:
        """Return the sidecar with new values where the person's old ones stand, and the categories that stand now."""
        after: dict[str, Any] = json.loads(json.dumps(document))
        alone = len(self.owners(document, subject)) == 1
        stands: set[str] = set()
        for category, new in changes.items():
            kind = CATEGORIES.get(category)
            if kind == "name" and alone and "name" in after:
                after["name"] = new
                stands.add(category)
            for path in dict.fromkeys((self.field, *CONTACTS)):
                if kind is not None and self._put(after, path.split("."), kind, new, subject):
                    stands.add(category)
        return after, stands

    def _put(self, node: Any, path: list[str], kind: str, new: str, subject: Subject) -> bool:
        if not isinstance(node, dict) or path[0] not in node:
            return False
        if path[1:]:
            return self._put(node[path[0]], path[1:], kind, new, subject)
        old = node[path[0]]
        mine = [self._is(value, kind, new, subject) for value in _listed(old)]
        if any(mine):
            values = [_instead(value, new) if hers else value for value, hers in zip(_listed(old), mine, strict=True)]
            node[path[0]] = values if isinstance(old, list) else values[0]
        return any(mine)

    def _is(self, value: Any, kind: str, new: str, subject: Subject) -> bool:
        if not isinstance(value, str | int):
            return False
        _, alone = _called(str(value))
        return new in (value, alone) or subject.identify(kind, alone) in subject.identifiers

    def _values(self, document: Mapping[str, Any]) -> Iterator[str]:
        node: Any = document
        for part in self.field.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        yield from (str(one) for one in _listed(node) if isinstance(one, str | int) and str(one).strip())

    def _identifiers(self, value: str, subject: Subject) -> Iterator[Identifier]:
        _, value = _called(value)
        kinds = [self.kind] if self.kind else [EMAIL] if "@" in value else [PHONE, self.field.rpartition(".")[2]]
        yield from (one for kind in kinds if (one := subject.identify(kind, value)))


def document_of(raw: bytes | None, name: str = ".json") -> dict[str, Any] | None:
    """Return what a sidecar says; None if it is no JSON object, and has no lines `field=value` either."""
    try:
        document = json.loads(raw, object_pairs_hook=_once) if raw else None
    except (ValueError, RecursionError):
        document = _fields(raw or b"") if not name.endswith(".json") else None
    return document if isinstance(document, dict) else None


def as_written(document: Mapping[str, Any], like: bytes) -> bytes:
    """Write a sidecar as its author did: on one line or indented; in `field=value` only the changed values anew."""
    before = _fields(like) if not like.lstrip().startswith(b"{") else None
    if before is None:
        return json.dumps(document, ensure_ascii=False, indent=2 if b"\n" in like.strip() else None).encode()

    def line(match: re.Match[str]) -> str:
        field, gap, old, end = match.groups()
        new = document.get(field, old)
        return match.group() if new == before.get(field) else f"{field}{gap}{new}{end}"

    return _LINE.sub(line, like.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a document that says a key twice: readers differ in which one counts."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _fields(raw: bytes) -> dict[str, str] | None:
    found = {match[1]: match[3] for match in _LINE.finditer(raw.decode("utf-8", "surrogateescape"))}
    return found or None


def _called(value: str) -> tuple[str, str]:
    """Part `"Name" <number>`; what is not written so has no name."""
    match = _CALLER.fullmatch(value)
    return (match[1].strip(), match[2].strip()) if match else ("", value)


def _instead(old: Any, new: str) -> str:
    match = _CALLER.fullmatch(str(old))
    return str(old)[: match.start(2)] + new + str(old)[match.end(2) :] if match else new


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
