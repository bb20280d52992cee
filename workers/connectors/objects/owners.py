"""Whose an object is: by a JSON file beside it, by its path, or by its text alone."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, Traits, normalise_name, verdict

_FIELD = re.compile(r"\{(\w+)\}")
_FORMS = {
    "date": r"\d{4}[-_.]?\d{2}[-_.]?\d{2}(?:[T_ -]?\d{2}[-:.h]?\d{2}(?:[-:.]?\d{2})?)?Z?",
    "email": r"[^/]+?@[^/]+?",
    "phone_number": r"\+?[\d(][\d ().-]*?",
}
_SAYS_NOTHING = {"name", "date"}  # `{name}` is the object's name, not the person's
_CONTACTS = {"email": EMAIL, "phone_number": PHONE, "phone": PHONE}
CATEGORIES = {"user.contact.email": EMAIL, "user.contact.phone_number": PHONE, "user.name": "name"}


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Owner:
    """Someone whose object it is."""

    traits: Traits
    name: str = ""


@dataclass(frozen=True, slots=True)
class Ownership:
    """What an object is to the person: `shared` if it is another's too; `sure` if no person has to decide."""

    theirs: bool = False
    sure: bool = True
    shared: bool = False


class Sidecar(_Rule):
    """`a.pdf` has `a.pdf.json` or `a.json` beside it, whose `field` (dotted) names the owner, or owners."""

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

    def owners(self, document: Mapping[str, Any], subject: Subject) -> list[Owner]:
        """Return the owners that a sidecar names; what else it says of one owner is theirs, of several nobody's."""
        values = list(self._values(document))
        owners = [frozenset(self._identifiers(value, subject)) for value in values]
        if len(values) != 1:
            return [Owner(Traits(one)) for one in owners if one]
        more = {subject.normalise(kind, document.get(field)) for field, kind in _CONTACTS.items()}
        name = document.get("name") if isinstance(document.get("name"), str) else ""
        names = frozenset({normalise_name(str(name))} if name else ())
        return [Owner(Traits(owners[0] | {one for one in more if one}, names), str(name))]

    def rectified(
        self, document: Mapping[str, Any], changes: Mapping[str, str], subject: Subject
    ) -> tuple[dict[str, Any], bool]:
        """Return the sidecar with new values where the person's old ones stand, and whether all of them stand now."""
        after: dict[str, Any] = json.loads(json.dumps(document))
        alone = len(self.owners(document, subject)) == 1
        stands = False
        for category, new in changes.items():
            kind = CATEGORIES.get(category)
            if kind == "name" and alone and "name" in after:
                after["name"] = new
                stands = True
            for path in dict.fromkeys((self.field, *_CONTACTS)):
                stands |= kind is not None and self._put(after, path.split("."), kind, new, subject)
        return after, stands

    def _put(self, node: Any, path: list[str], kind: str, new: str, subject: Subject) -> bool:
        if not isinstance(node, dict) or path[0] not in node:
            return False
        if path[1:]:
            return self._put(node[path[0]], path[1:], kind, new, subject)
        old = node[path[0]]
        mine = [value == new or self._is(value, kind, subject) for value in (old if isinstance(old, list) else [old])]
        if any(mine):
            values = [new if hers else value for value, hers in zip(_listed(old), mine, strict=True)]
            node[path[0]] = values if isinstance(old, list) else values[0]
        return any(mine)

    def _is(self, value: Any, kind: str, subject: Subject) -> bool:
        return isinstance(value, str | int) and subject.normalise(kind, value) in subject.identifiers

    def _values(self, document: Mapping[str, Any]) -> Iterator[str]:
        node: Any = document
        for part in self.field.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        yield from (str(one) for one in _listed(node) if isinstance(one, str | int) and str(one).strip())

    def _identifiers(self, value: str, subject: Subject) -> Iterator[Identifier]:
        kinds = [self.kind] if self.kind else [EMAIL] if "@" in value else [PHONE, self.field.rpartition(".")[2]]
        yield from (one for kind in kinds if (one := subject.normalise(kind, value)))


class InPath(_Rule):
    """The owner stands in the path: `calls/{phone_number}/{name}`. Whatever lies deeper is theirs too."""

    path: str

    @field_validator("path")
    @classmethod
    def _names_someone(cls, value: str) -> str:
        fields = _FIELD.findall(value)
        if not set(fields) - _SAYS_NOTHING or len(set(fields)) < len(fields):
            raise ValueError("a path names an identifier, such as {phone_number} or {email}, and no field twice")
        return value

    @property
    def opens_with_a_field(self) -> bool:
        """Whether the topmost folder names people."""
        return "{" in self.path.strip("/").partition("/")[0]

    def owners(self, key: str, subject: Subject) -> list[Owner]:
        """Return whom a path names."""
        match = _pattern(self.path).fullmatch(key)
        found = {
            one
            for kind, value in (match.groupdict() if match else {}).items()
            if kind not in _SAYS_NOTHING and (one := subject.normalise(kind, value))
        }
        return [Owner(Traits(frozenset(found)))] if found else []

    def names(self, kind: str) -> bool:
        """Say whether identifiers of a kind stand in paths."""
        return kind in set(_FIELD.findall(self.path)) - _SAYS_NOTHING


class Scan(_Rule):
    """Nobody says whose it is: texts and documents that name one person only are that person's.

    What cannot be read is counted as residual, unless its path fits a pattern of `ignore` (`*.png`).
    """

    scan: Literal[True]
    ignore: tuple[str, ...] = ()

    def passes_over(self, key: str) -> bool:
        """Say whether the client knows that such objects name nobody."""
        return any(fnmatch(key, pattern) for pattern in self.ignore)


Rule = Sidecar | InPath | Scan


def ownership(owners: Iterable[Owner], subject: Subject) -> Ownership:
    """Say whose an object is, by all of its owners."""
    verdicts = [verdict(subject, one.traits) for one in owners]
    if "sure" in verdicts:
        return Ownership(theirs=True, shared=set(verdicts) != {"sure"})
    return Ownership(theirs="ambiguous" in verdicts, sure=False)


def document_of(raw: bytes | None) -> dict[str, Any] | None:
    """Return what a sidecar says; None if it is no JSON object."""
    try:
        document = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def as_json(document: Mapping[str, Any], like: bytes) -> bytes:
    """Write a sidecar as its author did: on one line or indented."""
    return json.dumps(document, ensure_ascii=False, indent=2 if b"\n" in like.strip() else None).encode()


@cache
def _pattern(template: str) -> re.Pattern[str]:
    forms = [
        f"(?P<{part}>{_FORMS.get(part, '[^/]+?')})" if number % 2 else re.escape(part)
        for number, part in enumerate(_FIELD.split(template.strip("/")))
    ]
    return re.compile("".join(forms) + r"(?:/.*)?", re.DOTALL)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
