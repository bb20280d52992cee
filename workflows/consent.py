"""Art. 7: consent recorded with its proof, withdrawn as easily; implied consent is refused."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from shared.domain.case import Case, Gate, Right
from shared.domain.step import Step
from shared.domain.ticket import Slug, Strict, Text, Ticket
from workflows.stages import answer, call_back, deliver, mandate

_IMPLIED = re.compile(
    r"impli|silence|inactiv|pre-?\s?(ticked|checked|selected)|scroll|continu|by default|opt-?\s?out", re.IGNORECASE
)


class Consent(Strict):
    """The declaration: what for, where, under which wording, and the act by which it was given (Recital 32)."""

    action: Literal["give", "withdraw"]
    purposes: Annotated[tuple[Slug, ...], Field(min_length=1)]
    channel: Slug
    wording: Annotated[str, Field(max_length=200)] = ""
    act: Text

    @field_validator("act")
    @classmethod
    def _explicit(cls, value: str, info: ValidationInfo) -> str:
        # a withdrawal is as easy as can be (7(3)): any act is one, an opt-out too
        if info.data.get("action") == "give" and _IMPLIED.search(value):
            raise ValueError("implied consent is no consent (Art. 4(11), Recital 32); name a free and explicit act")
        return value


class Details(Strict):
    """The details of a consent ticket."""

    consent: Consent

    @field_validator("consent")
    @classmethod
    def _worded(cls, value: Consent) -> Consent:
        if value.action == "give" and not value.wording:
            raise ValueError("a consent given needs the version of the wording shown")
        return value


def gates(ticket: Ticket) -> tuple[Gate, ...]:
    """Allow or deny from the accepting transaction on."""
    consent = Details.model_validate(ticket.details).consent
    proof = consent.model_dump() | {"at": ticket.received_at.isoformat(), "via": ticket.received_via}
    given = consent.action == "give"
    kind = "consent" if given else "withdrawal"
    return tuple(Gate(purpose, kind, allow=given, proof=proof) for purpose in consent.purposes)


def record(case: Case) -> Iterator[Step]:
    """Where someone consents in the person's name, the gate opens once the mandate was looked at."""
    if case.ticket.subject and case.ticket.subject.represented_by and any(gate.allow for gate in gates(case.ticket)):
        yield Step("open-gate")


RIGHT = Right(
    "consent",
    article="7",
    clock="P1M",
    stages=(mandate, record, answer, deliver, call_back),
    details=Details,
    gates=gates,
    priority=1,
)
