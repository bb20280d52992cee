"""Whose an object is, by its metadata or tags on S3."""

from typing import Self

from pydantic import model_validator

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, Traits
from workers.connectors.objects.ownership import CONTACTS, Owner, StrictRule


class Tagged(StrictRule):
    """A header of the object's own (`metadata = "owner"` reads `x-amz-meta-owner`), or a `tag`, names the owner.

    `kind` says what the value is; without it an address, or a number, or an id called like the header.
    """

    metadata: str | None = None
    tag: str | None = None
    kind: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.metadata) == bool(self.tag):
            raise ValueError("name one: `metadata` or `tag`")
        return self

    def owners(self, value: str | None, subject: Subject) -> list[Owner]:
        """Return whom a value names."""
        found = frozenset(self._identifiers(value or "", subject))
        return [Owner(Traits(found))] if found else []

    def _identifiers(self, value: str, subject: Subject) -> list[Identifier]:
        field = (self.metadata or self.tag or "").lower()
        kinds = [self.kind] if self.kind else [EMAIL] if "@" in value else [PHONE, CONTACTS.get(field, field)]
        return [one for kind in kinds if (one := subject.identify(kind, value))]
