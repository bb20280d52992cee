"""The form of a certificate, as `rightsdesk schema certificate` prints it; the tests try certificates on it."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="A SHA-256, hexadecimal.")]
Counts = Annotated[
    dict[str, dict[str, int]], Field(description="Records by collection and outcome (erased, masked, retained, …).")
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Signature(_Part):
    """Ed25519 (RFC 8032) over the canonical JSON of the rest: sorted keys, no blanks, UTF-8."""

    alg: Literal["Ed25519"]
    value: str = Field(description="The signature, Base64.")


class Client(_Part):
    """The controller."""

    id: str
    name: str


class Commitment(_Part):
    """What a search found before any act, as a Merkle root over the records' salted leaves."""

    step: int
    commitment: Hash


class Action(_Part):
    """One act on a system."""

    step: int
    verb: str
    state: str = Field(description="done, failed, or waived: left undone by decision.")
    at: datetime | None
    counts: Counts


class System(_Part):
    """What was done in one system."""

    id: str
    channel: str
    found_before: list[Commitment]
    actions: list[Action]
    second_look: Literal["clean", "restricted", "still there", "not proved", "none"]


class Kept(_Part):
    """What was kept or left, and why."""

    collection: str
    outcome: str
    ground: str
    until: date | None
    hold: str | None = Field(default=None, description="The legal hold that is the ground.")


class Residual(_Part):
    """What is left where nobody can reach it, and until when."""

    what: str
    until: date


class Decision(_Part):
    """What a person decided."""

    step: int
    about: str
    decision: str
    by: str | None
    at: datetime | None


class Evidence(_Part):
    """The end of the ticket's hash chain when it was closed."""

    entries: int
    head: Hash


class Certificate(_Part):
    """What was done for a ticket."""

    ticket: UUID
    client: Client
    right: str
    article: str
    instruction: str | None
    received_at: datetime
    closed_at: datetime
    due_at: datetime
    in_time: bool
    outcome: Literal["fulfilled", "partial", "refused", "withdrawn"]
    rests_on: UUID | None = Field(
        default=None, description="The ticket about the same whose acts these are; its certificate tells them, too."
    )
    systems: list[System]
    kept: list[Kept]
    residual: list[Residual]
    decisions: list[Decision]
    evidence: Evidence


class Checkpoint(_Part):
    """A signed Merkle root (RFC 6962); its first leaf is the checkpoint before."""

    format: Literal["rightsdesk-checkpoint/1"]
    number: int
    at: datetime
    size: int = Field(description="How many leaves the tree has.")
    before: Hash
    root: Hash
    signature: Signature


class Proof(_Part):
    """That a checkpoint covers the certificate: its leaf's place and audit path (RFC 6962, section 2.1.1)."""

    checkpoint: Checkpoint
    index: int
    path: list[Hash]


class Document(_Part):
    """A certificate, signed with its proof pending; the proof stands beside once a checkpoint covers it."""

    format: Literal["rightsdesk-certificate/1"]
    certificate: Certificate
    proof: Literal["pending"] | Proof
    signature: Signature


def certificate_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a signed certificate."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Document.model_json_schema()
