"""Steps in the database: claimed by a conditional update, leased, finished once, sent in windows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, and_, bindparam, case, func, literal, null, or_, select, tuple_, union_all, update
from sqlalchemy.orm import Session

from shared.domain.join import IN_FLIGHT
from shared.store import alerts, circuits
from shared.store.fences import fenced
from shared.store.holds import any_in_force
from shared.store.nudge import Nudge
from shared.store.tables import StepRow, TicketRow, core

# statements are built once: building one costs as much as running it
_LANES = 100  # in one statement
LONG_UNCLAIMED = timedelta(minutes=30)
_steps = core(StepRow)
_c = _steps.c
_free = _steps.alias("free")
_mine = _steps.alias("mine")
_DUE = or_(_c.not_before.is_(None), _c.not_before <= bindparam("now"), _c.not_before > bindparam("furthest"))
# a message may be one that was sent before: it does not bring forward what has to wait
_FREE = _c.id == bindparam("step"), _c.state.in_(("ready", "queued")), _DUE, ~fenced(), ~circuits.resting()


@cache
def _most_urgent(*, skip_locked: bool) -> Any:
    """Return the conditions for the most urgent step that was sent for the same lane and verb."""
    sent = (select(one).where(_mine.c.id == bindparam("step")) for one in (_mine.c.lane, _mine.c.verb))
    lane, verb = (one.scalar_subquery() for one in sent)
    best = (
        select(_free.c.id)
        .where(_free.c.lane == lane, _free.c.verb == verb, _free.c.state == "queued", ~fenced(_free))
        .order_by(_free.c.priority, _free.c.due_at, _free.c.id)
        .limit(1)
    )
    chosen = (best.with_for_update(skip_locked=True) if skip_locked else best).scalar_subquery()
    return _c.id == chosen, _c.state == "queued"


@cache
def _claim(*, most_urgent: bool, skip_locked: bool) -> Any:
    return (
        update(_steps)
        .where(*(_most_urgent(skip_locked=skip_locked) if most_urgent else _FREE))
        .values(
            state="running", lease_token=bindparam("token"), lease_until=bindparam("until"), attempts=_c.attempts + 1,
            error=null(),
        )
        .returning(
            _c.id, _c.ticket_id, _c.stage, _c.key, _c.system, _c.lane, _c.channel, _c.verb, _c.part, _c.attempts,
            _c.sealed, _c.cursor, any_in_force(),
            or_(alerts.stands(literal(alerts.OUTAGE) + _c.system), circuits.known(_c.system)),
        )
    )  # fmt: skip


_LEASED = update(_steps).where(_c.id == bindparam("step"), _c.lease_token == bindparam("token"))
_RENEW = _LEASED.values(lease_until=bindparam("until"))
_KEEP = _LEASED.values(cursor=bindparam("content"), lost=0)  # what comes further is not what kills its worker
_END = _LEASED.where(_c.state == "running").values(lease_token=null(), lease_until=null(), lost=0)
_URGENT_FIRST = (_c.priority, _c.due_at, _c.id)
_NUDGE = (_c.id, _c.channel, _c.verb, _c.priority)


@dataclass(frozen=True, slots=True)
class Claim:
    """A step that is ours until the lease ends."""

    token: str
    id: int
    ticket: UUID
    stage: str
    key: str
    system: str
    lane: str
    channel: str
    verb: str
    part: str
    attempts: int
    sealed: bytes
    cursor: bytes | None
    holds: bool  # any legal hold is in force
    was_down: bool  # the last that was done in its system was in vain, or people were told that it is down


def claim(session: Session, step: int, *, now: datetime, lease: float, most_urgent: bool = False) -> Claim | None:
    """Take a step that was sent; None if another has it, or it is over. A message delivered twice works once.

    Messages wait in a line, and what became urgent later stands at its end. So with `most_urgent` a message is good
    for whichever step of the same lane and verb is due first; the other's message is then good for this one.
    """
    skip_locked = session.get_bind().dialect.name == "postgresql"
    token = uuid4().hex
    row: Any = session.execute(
        _claim(most_urgent=most_urgent, skip_locked=skip_locked),
        {"step": step, "token": token, "until": now + timedelta(seconds=lease)} | circuits.moment(now),
    ).one_or_none()
    return Claim(token, *row) if row else None


def renew(session: Session, step: int, token: str, *, until: datetime) -> bool:
    """Lengthen a lease; False if it is no longer ours."""
    return _changed(session.execute(_RENEW, {"step": step, "token": token, "until": until}))


def keep_cursor(session: Session, step: int, token: str, cursor: bytes) -> bool:
    """Keep how far a step came; False if it is no longer ours."""
    return _changed(session.execute(_KEEP, {"step": step, "token": token, "content": cursor}))


def end(session: Session, step: int, token: str, **values: Any) -> bool:
    """Write a step's end; False if the lease is no longer ours: a late writer's result is refused."""
    return _changed(session.execute(_END.values(**values), {"step": step, "token": token}))


def _changed(result: Any) -> bool:
    return bool(result.rowcount == 1)


def fill(session: Session, windows: Mapping[str, int], *, now: datetime, places: int | None = None) -> list[Nudge]:
    """Move ready steps of these lanes to `queued`, the earliest due first, as far as each window has room.

    With `places` no lane has more than that many in flight, but for breaches' steps, which get the whole window; a
    system that is down is sent one, to see. One statement for each batch of lanes (SQLite joins at most 500 SELECTs);
    on PostgreSQL rows that another transaction is moving are passed over.
    """
    lanes = list(windows.items())
    batches = (lanes[start : start + _LANES] for start in range(0, len(lanes), _LANES))
    return [nudge for batch in batches for nudge in _fill_some(session, batch, now, places)]


def _fill_some(
    session: Session, windows: Sequence[tuple[str, int]], now: datetime, places: int | None
) -> Iterator[Nudge]:
    values: dict[str, Any] = circuits.moment(now)
    for number, (lane, window) in enumerate(windows):
        most = window if places is None else min(window, places)
        values |= {f"lane{number}": lane, f"window{number}": most, f"breach{number}": window}
    statement = _fill(len(windows), skip_locked=session.get_bind().dialect.name == "postgresql")
    return (Nudge(*row) for row in session.execute(statement, values).all())


@cache
def _fill(lanes: int, *, skip_locked: bool) -> Any:
    branches = [
        select((one.with_for_update(skip_locked=True) if skip_locked else one).subquery().c.id)
        for number in range(lanes)
        for one in (
            _next_of(number, _window(f"window{number}")),
            _next_of(number, _window(f"breach{number}")).where(_c.priority == 0),
            _probe_of(number),
        )
    ]
    # once, before the update: as a mere subquery PostgreSQL may ask it anew for each row, and each time finds others
    chosen = union_all(*branches).cte("chosen").prefix_with("MATERIALIZED", dialect="postgresql")
    return (
        update(_steps)
        .where(_c.id.in_(select(chosen.c.id)), _c.state == "ready")
        .values(state="queued", published_at=bindparam("now"))
        .returning(*_NUDGE)
    )


def _window(name: str) -> Any:
    return bindparam(name, type_=_c.attempts.type)


def _next_of(number: int, window: Any) -> Select[int]:
    lane, flying = _lane(number)
    room = case((circuits.is_open(lane), 0), (flying < window, window - flying), else_=0)
    return _ready(lane).order_by(*_URGENT_FIRST).limit(room)


def _probe_of(number: int) -> Select[int]:
    """Select one step of a system that is down, to see: the one not sent for longest, for it may be to blame."""
    lane, flying = _lane(number)
    probe = _ready(lane).where(~circuits.resting()).order_by(_c.published_at.nulls_first(), *_URGENT_FIRST)
    return probe.limit(case((and_(circuits.is_open(lane), flying == 0), 1), else_=0))


def _lane(number: int) -> tuple[Any, Any]:
    """Return a lane's name, and how many of its steps are in flight."""
    lane: Any = bindparam(f"lane{number}")
    flying = select(func.count()).where(_c.lane == lane, _c.state.in_(IN_FLIGHT)).scalar_subquery()
    return lane, flying


def _ready(lane: Any) -> Select[int]:
    return select(_c.id).where(_c.lane == lane, _c.state == "ready", _DUE, ~fenced())


def make_room(session: Session, lane: str, *, wanted: int, window: int, priority: int) -> None:
    """Put back what was sent of a lane and not begun, the least urgent first, as far as `wanted` urgent steps need.

    So a flood that fills the window does not stand before a breach, and the lane has no more at once than it may.
    """
    session.execute(_make_room(), {"of": lane, "wanted": wanted, "window": window, "urgent": priority})


@cache
def _make_room() -> Any:
    lane: Any = bindparam("of")
    wanted, window = _window("wanted"), _window("window")
    flying = select(func.count()).where(_c.lane == lane, _c.state.in_(IN_FLIGHT)).scalar_subquery()
    least = (
        select(_c.id)
        .where(_c.lane == lane, _c.state == "queued", _c.priority > bindparam("urgent"))
        .order_by(_c.priority.desc(), _c.due_at.desc(), _c.id.desc())
        .limit(case((flying + wanted > window, flying + wanted - window), else_=0))
    )
    return update(_steps).where(_c.id.in_(least), _c.state == "queued").values(state="ready", published_at=null())


_t = core(TicketRow).c
_RESTS = _c.verb != "extension"  # the person must be told in the first month, whatever rests
_REST = (
    update(_steps)
    .where(_RESTS, _c.state == "ready", _c.ticket_id.in_(select(_t.id).where(_t.paused_at.is_not(None))))
    .values(state="waiting", waits="paused")
)
_PAUSE = (
    update(_steps)
    .where(_RESTS, _c.ticket_id == bindparam("ticket"), _c.state.in_(("ready", "queued")))
    .values(state="waiting", waits="paused")
)
_LATE = (
    select(_c.id)
    .where(
        _c.state == "queued",
        or_(
            and_(
                _c.published_at < bindparam("before"),
                tuple_(_c.channel, _c.priority).in_(bindparam("of", expanding=True)),
            ),
            _c.published_at < bindparam("long_before"),
        ),
    )
    .order_by(_c.priority, _c.due_at)
    .limit(bindparam("most"))
)
_SENT = select(_c.channel, _c.priority, func.count()).where(_c.state == "queued").group_by(_c.channel, _c.priority)
_BACKLOG = select(_c.lane).where(_c.state == "ready", _DUE).distinct()


def rest_paused(session: Session) -> None:
    """Let what became ready of a paused ticket wait until it is resumed."""
    session.execute(_REST)


def pause(session: Session, ticket: UUID) -> None:
    """Let what a ticket has not begun wait until it is resumed."""
    session.execute(_PAUSE, {"ticket": ticket})


def unclaimed(
    session: Session, *, now: datetime, since: timedelta, of: Collection[tuple[str, int]], most: int = 1000
) -> list[Nudge]:
    """Return steps that were sent and not claimed for a while, to be sent again; marks them as sent now.

    `of` names the channels and priorities of which messages are missed; for others the while is `LONG_UNCLAIMED`.
    """
    times = {"before": now - since, "long_before": now - LONG_UNCLAIMED}
    late: Sequence[int] = session.scalars(_LATE, times | {"of": list(of), "most": most}).all()
    if not late:
        return []
    rows = session.execute(
        update(_steps).where(_c.id.in_(late), _c.state == "queued").values(published_at=now).returning(*_NUDGE)
    )
    return [Nudge(*row) for row in rows]


def sent(session: Session) -> dict[tuple[str, int], int]:
    """Count what was sent and not begun, by channel and priority."""
    return {(channel, priority): number for channel, priority, number in session.execute(_SENT)}


def backlog(session: Session, *, now: datetime) -> list[str]:
    """Return the lanes that have ready steps."""
    return list(session.scalars(_BACKLOG, circuits.moment(now)))
