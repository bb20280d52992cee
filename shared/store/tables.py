"""The tables. Rows hold columns; functions act. Sealed columns open only with the ticket's data key."""

from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    TypeDecorator,
    Uuid,
    and_,
    literal_column,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC; SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER


class Row(DeclarativeBase):
    """All tables of one installation."""

    type_annotation_map = {datetime: Instant, dict[str, Any]: JSON, list[Any]: JSON, str: Text}  # noqa: RUF012 - SQLAlchemy's own


def core(row: type[Row]) -> Table:
    """Return a row class's table: statements on it pass the ORM by, which the hot path cannot afford."""
    return cast("Table", row.__table__)


class TicketRow(Row):
    """A ticket accepted. `sealed` is the ticket as submitted; `wrapped_key` its data key.

    Its retention ends in two: `package_ended_at` says when its package was deleted, `destroyed_at` when its key and
    all that the key opened were. `rests_on` is the ticket about the same whose acts it waits for and is answered by.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        Index("tickets_open", "state", "due_at"),
        Index("tickets_wake", "wake_at"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    client: Mapped[str]
    right: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    outcome: Mapped[str | None]
    verdict: Mapped[str | None]
    stage: Mapped[str]
    stage_since: Mapped[datetime]
    priority: Mapped[int]
    received_at: Mapped[datetime]
    accepted_at: Mapped[datetime]
    due_on: Mapped[date | None]
    due_at: Mapped[datetime]
    strict_at: Mapped[datetime]
    clocks: Mapped[list[Any]] = mapped_column(default=list)
    wake_at: Mapped[datetime | None]  # when the sweep looks at it again though no step ended
    paused_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    rests_on: Mapped[UUID | None] = mapped_column(Uuid)
    package_ended_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class PersonRow(Row):
    """The blind index: which tickets are about the same person at the same client."""

    __tablename__ = "persons"
    __table_args__ = (Index("persons_digest", "digest"), Index("persons_ticket", "ticket_id"))

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class StepRow(Row):
    """A step: the row is the job, a message is a nudge.

    `sealed` holds its arguments and the subject as known when it was planned; `result` what it found (sealed);
    `cursor` how far it came (sealed).
    """

    __tablename__ = "steps"
    __table_args__ = (
        Index("steps_once", "ticket_id", "stage", "key", unique=True),
        Index("steps_next", "lane", "state", "priority", "due_at", "id"),
        Index("steps_state", "state", "lease_until"),
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    stage: Mapped[str]
    key: Mapped[str]
    system: Mapped[str]  # its id, or the desk
    lane: Mapped[str]  # where it waits for its turn, see `lane_of`
    channel: Mapped[str]
    verb: Mapped[str]
    part: Mapped[str]
    waits: Mapped[str]
    state: Mapped[str]
    priority: Mapped[int]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lost: Mapped[int] = mapped_column(default=0, server_default="0")  # times in a row that its worker was lost
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    cursor: Mapped[bytes | None] = mapped_column(LargeBinary)
    result: Mapped[bytes | None] = mapped_column(LargeBinary)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    commitment: Mapped[str | None]  # keyed, to what a locate found
    error: Mapped[str | None]
    decision: Mapped[str | None]
    by: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class FindingRow(Row):
    """A batch of what was written down about records (sealed), in order."""

    __tablename__ = "findings"
    __table_args__ = (Index("findings_of", "ticket_id", "system", "id"),)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    step_id: Mapped[int] = mapped_column(ForeignKey("steps.id"))
    system: Mapped[str]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class EvidenceRow(Row):
    """One entry of a ticket's chain; see `shared.evidence`."""

    __tablename__ = "evidence"

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    payload: Mapped[str]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class CertificateRow(Row):
    """The signed certificate of a closed ticket."""

    __tablename__ = "certificates"

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    signed_at: Mapped[datetime]
    document: Mapped[dict[str, Any]]


class CheckpointRow(Row):
    """A signed checkpoint; see `shared.evidence`. Like evidence it is added, and never changed."""

    __tablename__ = "checkpoints"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # of two made at once one stays
    at: Mapped[datetime]
    root: Mapped[bytes] = mapped_column(LargeBinary)
    document: Mapped[dict[str, Any]]


class CheckpointLeafRow(Row):
    """A leaf of a checkpoint's tree, after the first: a chain's head, or (`seq` 0) a certificate's digest."""

    __tablename__ = "checkpoint_leaves"
    __table_args__ = (Index("checkpoint_leaves_of", "ticket_id", "seq", unique=True),)

    checkpoint: Mapped[int] = mapped_column(ForeignKey("checkpoints.number"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(Uuid)
    seq: Mapped[int]
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class UncoveredRow(Row):
    """An entry that no checkpoint covers yet. A trigger on `evidence` marks each, at no statement's cost."""

    __tablename__ = "uncovered"

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(Uuid)
    seq: Mapped[int]


class PublicationRow(Row):
    """A checkpoint that was published, and when."""

    __tablename__ = "publications"

    checkpoint: Mapped[int] = mapped_column(ForeignKey("checkpoints.number"), primary_key=True)
    at: Mapped[datetime]


class DeadLetterRow(Row):
    """What came on the queue and is no ticket: kept, sealed by the master key, with the reason."""

    __tablename__ = "dead_letters"

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    received_at: Mapped[datetime]
    reason: Mapped[str]
    ticket_id: Mapped[UUID | None] = mapped_column(Uuid)
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    replayed_at: Mapped[datetime | None]


class PackagePartRow(Row):
    """What one step put into a ticket's package: the sealed list of its files."""

    __tablename__ = "packages"
    __table_args__ = (Index("packages_of", "ticket_id"),)

    step_id: Mapped[int] = mapped_column(ForeignKey("steps.id"), primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class DeliveryRow(Row):
    """A message to the outside: its stable id, and whether it went once or maybe twice."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("deliveries_once", "message_id", unique=True),
        Index("deliveries_of", "ticket_id"),
        Index("deliveries_link", "link_digest"),
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    step_id: Mapped[int] = mapped_column(ForeignKey("steps.id"))
    kind: Mapped[str]  # letter, notice, callback, code, link, transfer
    message_id: Mapped[str]
    state: Mapped[str]  # sending, sent, maybe twice
    attempts: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    link_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    opened_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)


class SuppressionRow(Row):
    """What the gate denies (or, for a consent, allows) for a person, by blind index."""

    __tablename__ = "suppressions"
    __table_args__ = (Index("suppressions_digest", "digest"), Index("suppressions_ticket", "ticket_id"))

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    purpose: Mapped[str]
    kind: Mapped[str]
    allow: Mapped[bool] = mapped_column(default=False)
    exempt: Mapped[list[Any]] = mapped_column(default=list)
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ConsentRow(Row):
    """A consent given or withdrawn, with its proof (Art. 7(1)), sealed with its ticket's key."""

    __tablename__ = "consents"
    __table_args__ = (Index("consents_digest", "digest"),)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    purpose: Mapped[str]
    given: Mapped[bool]
    at: Mapped[datetime]
    proof: Mapped[bytes] = mapped_column(LargeBinary)


class HoldRow(Row):
    """A legal hold: data of some people, or of everyone, of a client must not be erased for now (Art. 17(3)).

    `sealed` holds the identifiers and the reasons of those who decided, with the hold's own key: tickets' keys die
    before it does. `system` is null for all of the client's systems.
    """

    __tablename__ = "holds"
    __table_args__ = (Index("holds_client", "client", "lifted_at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    client: Mapped[str]
    system: Mapped[str | None]
    everyone: Mapped[bool]
    ground: Mapped[str]
    review_on: Mapped[date]
    placed_at: Mapped[datetime]
    placed_by: Mapped[str]
    renewed_at: Mapped[datetime | None]
    renewed_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    asked_on: Mapped[date | None]  # when its overdue review was last called for
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class HoldPersonRow(Row):
    """The blind index of a hold's identifiers; none for everyone."""

    __tablename__ = "hold_persons"
    __table_args__ = (Index("hold_persons_digest", "digest"),)

    hold_id: Mapped[UUID] = mapped_column(ForeignKey("holds.id"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class HoldKeepRow(Row):
    """What a hold kept from a ticket's erasure, to be taken up again: the ticket, sealed with the hold's key."""

    __tablename__ = "hold_keeps"
    __table_args__ = (Index("hold_keeps_ticket", "ticket_id"),)

    hold_id: Mapped[UUID] = mapped_column(ForeignKey("holds.id"), primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    system: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class IncidentRow(Row):
    """The Art. 33(5) register: facts, effects and remedy of a breach (sealed), and when who was told."""

    __tablename__ = "incidents"

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    client: Mapped[str]
    aware_at: Mapped[datetime]
    affected: Mapped[int] = mapped_column(default=0)
    told: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class RestoreRow(Row):
    """A system that was restored from a backup: fenced until whoever was erased since is erased again.

    `at` is the moment whose state the system is back in. Lifted by itself, or replaced by a later restore.
    """

    __tablename__ = "restores"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    client: Mapped[str]
    system: Mapped[str]
    at: Mapped[datetime]
    marked_at: Mapped[datetime]
    replayed_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]


class CircuitRow(Row):
    """A system in which the last step was in vain: how often in a row, since when, and when it is tried again."""

    __tablename__ = "circuits"

    system: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    since: Mapped[datetime]
    next_at: Mapped[datetime | None]


class ErasureRow(Row):
    """The replay ledger: who was erased in a system, sealed with the replay key until `expires_at`.

    `again_id` is the ticket that erases them again, for the restore `restore_id`; `returned` says that a person has
    decided that they came back by themselves.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        Index("erasures_once", "ticket_id", "system", unique=True),
        Index("erasures_since", "system", "erased_at"),
        Index("erasures_look", "look_at"),
        Index("erasures_end", "expires_at"),
        Index("erasures_again", "again_id"),
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    client: Mapped[str]
    system: Mapped[str]
    erased_at: Mapped[datetime]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    returned: Mapped[bool] = mapped_column(default=False)
    look_at: Mapped[datetime | None]  # when it is looked whether they stand there again
    expires_at: Mapped[datetime]
    restore_id: Mapped[UUID | None] = mapped_column(ForeignKey("restores.id"))
    again_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))


class IndexKeyRow(Row):
    """Tells the keys by which the blind index is made: a gate with another key would know nobody, and allow."""

    __tablename__ = "index_keys"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    since: Mapped[datetime]


RETIRED = "retired master key"  # in the text of those triggers' refusal


class RetiredKeyRow(Row):
    """A master key (by what stands in front of what it has sealed) that triggers let nobody use any more."""

    __tablename__ = "retired_keys"

    label: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    at: Mapped[datetime]


class KeyChangeRow(Row):
    """The statement of a signing key that another one follows it; the checkpoint is the last that it signs."""

    __tablename__ = "key_changes"

    checkpoint: Mapped[int] = mapped_column(ForeignKey("checkpoints.number"), primary_key=True)
    key: Mapped[str]
    statement: Mapped[dict[str, Any]]


class SubmitterKeyRow(Row):
    """A public key (Ed25519, 32 bytes) whose owner may submit tickets of a client; several may be valid at once."""

    __tablename__ = "submitter_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)  # RFC 7638
    client: Mapped[str] = mapped_column(primary_key=True)
    public: Mapped[bytes] = mapped_column(LargeBinary)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    added_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class TimerRow(Row):
    """When a milestone of one of a ticket's clocks is due; it fires once, and rests while its ticket does."""

    __tablename__ = "timers"
    __table_args__ = (Index("timers_once", "ticket_id", "clock", "milestone", unique=True),)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    clock: Mapped[str]  # statutory, sla, awareness, notice, identity
    milestone: Mapped[str]  # 50%, 75%, 90%, passed
    due_at: Mapped[datetime]
    fired_at: Mapped[datetime | None]
    resting: Mapped[bool] = mapped_column(default=False)


class AlertRow(Row):
    """What somebody must be told. Never personal data: ids, client, right, system.

    `state` is open, acknowledged, or over (what it was about ended). Raising it again is nothing until it is over.
    """

    __tablename__ = "alerts"
    __table_args__ = (Index("alerts_ticket", "ticket_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # the receiver drops a repeat by it
    kind: Mapped[str]  # milestone, held, decision, dead letter, circuit, evidence, ...
    milestone: Mapped[str | None]
    clock: Mapped[str | None]
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    client: Mapped[str | None]
    right: Mapped[str | None]
    system: Mapped[str | None]
    due_at: Mapped[datetime | None]  # of the clock, not of the milestone
    raised_at: Mapped[datetime]
    late: Mapped[bool] = mapped_column(default=False)
    urgent: Mapped[bool] = mapped_column(default=False)  # a breach: no quiet hours
    state: Mapped[str] = mapped_column(default="open")
    dedup: Mapped[str]
    level: Mapped[int] = mapped_column(default=0)  # the step of the escalation
    next_at: Mapped[datetime | None]  # when delivery looks at it again
    acknowledged_by: Mapped[str | None]
    acknowledged_at: Mapped[datetime | None]


class AlertDeliveryRow(Row):
    """One attempt to bring an alert to a channel, and the channel's answer."""

    __tablename__ = "alert_deliveries"
    __table_args__ = (Index("alert_deliveries_of", "alert_id"), Index("alert_deliveries_batch", "batch"))

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"))
    channel: Mapped[str]
    person: Mapped[str | None]
    batch: Mapped[str]  # the message's id: a digest covers several alerts
    attempt: Mapped[int]
    state: Mapped[str]  # sending, delivered, failed
    answer: Mapped[str]  # in short, without secrets
    at: Mapped[datetime]


class AlertChannelRow(Row):
    """How an alert channel fares: one delivery at a time uses it, and after a failure it rests until `retry_at`.

    `sent` messages went through it since `since`, when the time to gather alerts for a digest began.
    """

    __tablename__ = "alert_channels"

    name: Mapped[str] = mapped_column(primary_key=True)  # as in systems.toml
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    retry_at: Mapped[datetime | None]
    busy_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    since: Mapped[datetime | None]
    sent: Mapped[int] = mapped_column(default=0)
    answer: Mapped[str | None]


# partial indexes are used only for conditions written the same, without parameters: they stand here, for both
TIMER_RUNS = and_(core(TimerRow).c.fired_at.is_(None), ~core(TimerRow).c.resting)
ALERT_STANDS = core(AlertRow).c.state != literal_column("'over'")
ALERT_CALLS = and_(core(AlertRow).c.state == literal_column("'open'"), core(AlertRow).c.next_at.is_not(None))
TICKET_KEPT = and_(core(TicketRow).c.closed_at.is_not(None), core(TicketRow).c.destroyed_at.is_(None))
PACKAGE_KEPT = and_(core(TicketRow).c.closed_at.is_not(None), core(TicketRow).c.package_ended_at.is_(None))
TICKET_RESTS = core(TicketRow).c.rests_on.is_not(None)
RESTORE_STANDS = core(RestoreRow).c.lifted_at.is_(None)
Index(
    "restores_open",
    core(RestoreRow).c.system,
    unique=True,
    sqlite_where=RESTORE_STANDS,
    postgresql_where=RESTORE_STANDS,
)
Index("timers_due", core(TimerRow).c.due_at, sqlite_where=TIMER_RUNS, postgresql_where=TIMER_RUNS)
Index("alerts_once", core(AlertRow).c.dedup, unique=True, sqlite_where=ALERT_STANDS, postgresql_where=ALERT_STANDS)
Index("alerts_next", core(AlertRow).c.next_at, sqlite_where=ALERT_CALLS, postgresql_where=ALERT_CALLS)
for _name, _kept in (("tickets_kept", TICKET_KEPT), ("tickets_packages", PACKAGE_KEPT)):
    _by = core(TicketRow).c.client, core(TicketRow).c.closed_at, core(TicketRow).c.id
    Index(_name, *_by, sqlite_where=_kept, postgresql_where=_kept)
Index("tickets_rests", core(TicketRow).c.rests_on, sqlite_where=TICKET_RESTS, postgresql_where=TICKET_RESTS)
