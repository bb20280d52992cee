"""Whose an object is: its owners, and what that makes it to one person."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from shared.domain.identifier import EMAIL, PHONE, Subject, Traits, verdict

CONTACTS = {"email": EMAIL, "phone_number": PHONE, "phone": PHONE}
CATEGORIES = {"user.contact.email": EMAIL, "user.contact.phone_number": PHONE, "user.name": "name"}


class StrictRule(BaseModel):
    """A rule as the inventory writes it."""

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


def ownership(owners: Iterable[Owner], subject: Subject) -> Ownership:
    """Say whose an object is, by all of its owners."""
    verdicts = [verdict(subject, one.traits) for one in owners]
    if "sure" in verdicts:
        return Ownership(theirs=True, shared=set(verdicts) != {"sure"})
    return Ownership(theirs="ambiguous" in verdicts, sure=False)
