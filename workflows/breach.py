"""Art. 33 and 34: a breach: who is affected; people first, then the client, then the authority's form.

No notice is held back for a slower one by more than an hour (33(2): the controller without undue delay).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.domain.case import Case, Right
from shared.domain.step import CHANNELS, Step
from shared.domain.ticket import Address, Moment, Name, Slug, Strict, Text
from workflows.stages import answer, call_back, deliver, is_over

HELD_AT_MOST = timedelta(hours=1)


class Person(Strict):
    """Someone known to be affected."""

    email: Address | None = None
    phone_number: Annotated[str, Field(max_length=40)] | None = None
    name: Name | None = None


class Incident(Strict):
    """What happened: a window of time in some systems, or a list of people (inline, or a CSV file's URL)."""

    nature: Text
    consequences: Text
    measures: Text
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None
    systems: tuple[Slug, ...] = ()
    categories: tuple[Slug, ...] = ()
    people: tuple[Person, ...] = ()
    people_file: Annotated[str, Field(max_length=400)] | None = None

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if not (self.from_ or self.people or self.people_file):
            raise ValueError("give a window (`from`, `to`) or the people (`people` or `people_file`)")
        if self.from_ and self.to and self.to < self.from_:
            raise ValueError("the window ends before it begins")
        return self


class Details(Strict):
    """The details of a breach ticket."""

    incident: Incident


def search(case: Case) -> Iterator[Step]:
    """Find out who stands in the records of the window; a system that is not there fails, visibly."""
    incident = case.ticket.details["incident"]
    if incident.get("from"):
        window = {"from": incident["from"], "to": incident.get("to")}
        known = {system.id: system.channel for system in case.systems}
        for name in incident.get("systems") or known:
            yield Step("subjects", name, known.get(name, CHANNELS[-1]), args=window)


def notify(case: Case) -> Iterator[Step]:
    """People, then the client, then the form; where the client tells people itself, it comes first and is asked."""
    assert case.stage_since is not None
    waited = case.now - case.stage_since
    searches = list(search(case))
    yield from searches
    found = all(is_over(case, step.verb, step.system) for step in searches)
    if case.client.tells_people == "vendor":
        if found:
            yield Step("tell")
        if (found and is_over(case, "tell")) or waited >= HELD_AT_MOST:
            yield Step("tell-client")
    else:
        if found or waited >= HELD_AT_MOST:
            yield Step("tell-client")
        if is_over(case, "tell-client"):
            yield Step("people", waits="people")
        if found and any(step.decision == "approve" for step in case.taken("people")):
            yield Step("tell")
    if is_over(case, "tell-client") or waited >= 2 * HELD_AT_MOST:
        yield Step("authority")


def register(_: Case) -> Iterator[Step]:
    """Art. 33(5): the register of facts, effects and remedies."""
    yield Step("register")


RIGHT = Right(
    "breach",
    article="33",
    clock="PT72H",
    changes=(),  # a reform would stand here: (date(2028, 1, 1), "PT96H"); nothing is in force yet
    stages=(notify, register, answer, deliver, call_back),
    details=Details,
    priority=0,
    needs_subject=False,
    eager=frozenset({"notify"}),
    tells="tell-client",
)
