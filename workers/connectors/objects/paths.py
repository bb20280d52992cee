"""Whose an object is, by its path."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from hashlib import blake2b

from pydantic import field_validator

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, Traits
from workers.connectors.objects.ownership import Owner, StrictRule

_FIELD = re.compile(r"\{(\w+)(?::(\w+))?\}")
_FORMS = {
    "name": r"[^/]*?",  # S3's console makes a folder by an object whose key ends with a slash
    "date": r"\d{4}[-_.]?\d{2}[-_.]?\d{2}(?:[T_ -]?\d{2}[-:.h]?\d{2}(?:[-:.]?\d{2})?)?Z?",
    EMAIL: r"[^/]+?@[^/]+?",
    PHONE: r"\+?[\d(][\d ().-]*?",
}
_PARTY = r"(?:\+?[\d(][\d ().-]*?|[A-Za-z][^/-]*)"  # of a call: a number, or `anonymous`, or a queue's name
_SAYS_NOTHING = {"name", "date"}  # `{name}` is the object's name, not the person's
_EXTENSION = 5  # digits at most: inside the house, nobody's number


class InPath(StrictRule):
    """The owner stands in the path: `calls/{phone_number}/{name}`. Whatever lies deeper is theirs too.

    A call has two parties: `{_in_or_out}-{phone_number:dst}-{phone_number:src}-{date}-{_id}.wav`. Each word behind a
    colon is a party of its own, and a field that begins with `_` says nothing. Numbers of up to five digits are
    extensions, nobody's; so are the client's own, which `own` names by patterns (`+4930123400*`).
    """

    path: str
    own: tuple[str, ...] = ()

    @field_validator("path")
    @classmethod
    def _names_someone(cls, value: str) -> str:
        fields = _FIELD.findall(value)
        if not any(_speaks(kind) for kind, _ in fields) or len(set(fields)) < len(fields):
            raise ValueError("a path names an identifier, such as {phone_number} or {email}, and no field twice")
        return value

    @property
    def opens_with_a_field(self) -> bool:
        """Whether the topmost folder names people."""
        return "{" in self.path.strip("/").partition("/")[0]

    def owners(self, key: str, subject: Subject) -> list[Owner]:
        """Return whom a path names: one owner, or one for each party."""
        parties: dict[str, set[Identifier]] = {}
        for kind, party, value in self._said(key):
            one = subject.normalise(kind, value)
            if one and not self._is_own(value, one):
                parties.setdefault(party, set()).add(one)
        return [Owner(Traits(frozenset(found))) for found in parties.values()]

    def without_others(self, key: str, subject: Subject, secret: bytes) -> str:
        """Return a path for the person's eyes: each other party in it is a pseudonym, the same for the same one."""
        match = _pattern(self.path).fullmatch(key)
        fields = list(enumerate(_FIELD.findall(self.path))) if match else []
        for number, (kind, _) in reversed(fields):
            assert match is not None
            value = match[f"f{number}"]
            one = subject.normalise(kind, value) if _speaks(kind) else None
            if one and one not in subject.identifiers and not self._is_own(value, one):
                digest = blake2b(one.value.encode("utf-8", "surrogateescape"), key=secret, digest_size=4).hexdigest()
                key = f"{key[: match.start(f'f{number}')]}other-{digest}{key[match.end(f'f{number}') :]}"
        return key

    def names(self, kind: str) -> bool:
        """Say whether identifiers of a kind stand in paths."""
        return kind in {field for field, _ in _FIELD.findall(self.path) if _speaks(field)}

    def _said(self, key: str) -> Iterator[tuple[str, str, str]]:
        match = _pattern(self.path).fullmatch(key)
        for number, (kind, party) in enumerate(_FIELD.findall(self.path) if match else ()):
            if _speaks(kind):
                assert match is not None
                yield kind, party, match[f"f{number}"]

    def _is_own(self, written: str, one: Identifier) -> bool:
        if one.kind == PHONE and not written.startswith("+") and len(re.sub(r"\D", "", written)) <= _EXTENSION:
            return True
        return any(fnmatchcase(value, pattern) for value in (written, one.value) for pattern in self.own)


def _speaks(kind: str) -> bool:
    return kind not in _SAYS_NOTHING and not kind.startswith("_")


@cache
def _pattern(template: str) -> re.Pattern[str]:
    template, forms, before = template.strip("/"), [], 0
    for number, field in enumerate(_FIELD.finditer(template)):
        kind, party = field.groups()
        form = _PARTY if party and kind == PHONE else _FORMS.get(kind, "[^/]+?")
        forms += [re.escape(template[before : field.start()]), f"(?P<f{number}>{form})"]
        before = field.end()
    return re.compile("".join([*forms, re.escape(template[before:]), r"(?:/.*)?"]), re.DOTALL)
