"""The one step task: claim -> verb -> evidence and outcome in one commit -> advance. Idle hands publish after it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.domain.errors import Final, Held, Retryable, RightsdeskError, Unsupported, Waiting
from shared.domain.identifier import Identifier, Subject
from shared.domain.outcome import Found, Outcome
from shared.domain.step import DESK, ERASING
from shared.domain.ticket import Ticket
from shared.envelope import seal, subkey, unseal, unseal_json
from shared.log import place_of
from shared.ports import Affected, Connector, Work
from shared.store import circuits, findings, gates, holds, steps
from shared.store.lost import GivenUp
from shared.store.nudge import Nudge
from shared.store.steps import Claim
from shared.store.tables import TicketRow
from workers import alarms, clocks, connectors, desk, linked
from workers.affected import affected_by
from workers.caseload import case_of, lock, seal_result, steps_and_chain, subject_from_json
from workers.conductor import Moves, advance, move_on, remember, send_window, step_aad
from workers.heartbeat import Heartbeat
from workers.notes import Notes
from workers.office import Office
from workers.package import PartWriter, package_files, save_part
from workflows.holds import STOPPED, retain

log = structlog.get_logger()

MOST_ATTEMPTS = 8
_KEPT = ("state", "counts", "reasons", "commitment", "error", "decision", "by")  # in evidence
_BATCH = 1000  # notes kept in memory before they are written
_LONGEST_PAUSE = 300.0


class _OwnDatabase(Retryable):
    """Our own database was away; that says nothing about the step's system."""


@dataclass(slots=True)
class Done:
    """What a verb left to be written in the finishing transaction."""

    outcome: Outcome
    notes: list[Found] = field(default_factory=list)
    commitment: str | None = None
    part: PartWriter | None = None


class Performer:
    """Performs steps in one process; connectors are kept open between steps, but for the second look.

    Without `keep_open` none is: of processes that come and go each would hold a connection to each system.
    """

    def __init__(self, office: Office, publish: Callable[[list[Nudge]], None], *, keep_open: bool = True) -> None:
        self.office, self.publish, self.keep_open = office, publish, keep_open
        self.heartbeat = Heartbeat(office, self._give_up)
        self._connectors: dict[str, Connector] = {}

    def perform(self, step: int, *, most_urgent: bool = False) -> str:
        """Work one step if it is free, or the most urgent that this one's message is good for; return its state.

        `not ours` is returned for one that another works on, or that is over.
        """
        office = self.office
        with office.store.write() as session:
            claim = steps.claim(
                session, step, now=office.now(), lease=office.settings.lease_seconds, most_urgent=most_urgent
            )
            if claim is None:
                return "not ours"
            opened = office.at_hand(claim.ticket) or office.ticket(session.get_one(TicketRow, claim.ticket))
        with self.heartbeat.beating(claim):
            try:
                done = self._run(claim, *opened)
            except RightsdeskError as error:
                return self._finish(claim, error)
            except OperationalError:
                return self._finish(claim, _OwnDatabase("our database was not reachable"))
            except MemoryError:
                return self._finish(
                    claim, Final("the step needs more memory than RIGHTSDESK_MEMORY_MB allows; raise it, then retry")
                )
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it becomes this step's state
                log.error(  # noqa: TRY400 - a traceback may quote a record
                    "step.unexpected", step=claim.id, ticket=str(claim.ticket), error=place_of(error)
                )
                return self._finish(claim, Final(f"unexpected {place_of(error)}"))
        return self._finish(claim, done)

    def close(self) -> None:
        """Let go of the connectors and the heartbeat."""
        self.heartbeat.stop()
        for one in self._connectors.values():
            one.close()

    def _give_up(self, claim: Claim) -> None:
        """End a step that hangs, from beside it."""
        minutes = self.office.settings.step_seconds / 60
        self._finish(claim, Retryable(f"it came no further for {minutes:g} minutes, and was ended"))

    def _run(self, claim: Claim, key: bytes, ticket: Ticket) -> Done:
        content = unseal_json(key, claim.sealed, aad=step_aad(claim.ticket, claim.stage, claim.key))
        if claim.system == DESK:
            return self._at_desk(claim, key, content)
        try:
            system = self.office.inventory.system(claim.system)
        except KeyError:
            raise Final("the system is no longer in the inventory; put it back and retry, or waive") from None
        if system.client != ticket.client:
            raise Final("the system is another client's; correct the inventory and retry, or waive")
        client = self.office.client(ticket.client)
        if claim.verb in ERASING and claim.holds:
            self._heed(claim, ticket)
        subject = subject_from_json(content["subject"], client)
        with self._connector(claim) as connector:
            verb = getattr(connector, claim.verb, None)
            if verb is None and content["args"].get("holds"):
                verb = _nothing  # kept for a legal hold in a system that cannot restrict: the gate denies its use
            if verb is None:
                raise Unsupported(
                    f"{system.connector} systems cannot {claim.verb}; do it by hand and waive, with a reason"
                )
            return self._on_system(claim, verb, key, subject, content)

    def _heed(self, claim: Claim, ticket: Ticket) -> None:
        """Stop an act that a legal hold forbids; it may have been placed since the act was planned."""
        with self.office.store.read() as session:
            over = holds.over(session, claim.ticket, ticket.client)
        if held := [hold for hold in over if hold.covers(claim.system)]:
            names = ", ".join(str(hold.id) for hold in held)
            by = ", ".join(sorted({hold.by for hold in held}))
            raise Held(f"stopped by legal hold {names}; the data are kept", by=by)

    def _on_system(
        self, claim: Claim, verb: Callable[[Work], Any], key: bytes, subject: Subject, content: dict[str, Any]
    ) -> Done:
        args = content["args"]
        notes = Notes(self.office, claim, key, of=args.get("of"), taken_until=content["ambiguous"])
        cursor, checkpoint = self._cursor(claim, key), partial(self._checkpoint, claim, key)
        # an export's own progress is how far its tables came
        kept = cursor if claim.verb == "export" else ""
        part = PartWriter(self.office.packages, claim.ticket, key, claim.system, kept=kept, keep=checkpoint)
        work = Work(
            ticket=claim.ticket,
            subject=subject,
            now=self.office.now(),
            key=subkey(key, "pseudonyms"),
            package=part,
            found=notes.found,
            note=partial(self._note, notes),
            args=args,
            cursor=cursor,
            again=claim.attempts > 1 or cursor != "",  # a wait is no attempt, and leaves a cursor
            checkpoint=checkpoint,
            links=self.office.links(self.office.inventory.system(claim.system).client, claim.system),
        )
        result = verb(work)
        if args.get("holds") and claim.verb == "restrict":
            retain(result, args)
        if claim.verb == "subjects":
            return Done(self._keep_affected(claim, key, result))
        return Done(result, notes.rest, notes.commitment, part if part.files else None)

    def _at_desk(self, claim: Claim, key: bytes, content: dict[str, Any]) -> Done:
        office, now = self.office, self.office.now()
        verb = desk.verbs().get(claim.verb)
        if verb is None:
            raise Unsupported(f"nobody at the desk knows how to {claim.verb}")
        with office.store.read() as session:
            rows, _ = steps_and_chain(session, claim.ticket)
            row = session.get_one(TicketRow, claim.ticket)
            acts = linked.acts(office, session, row, office.rights[row.right])
            case = case_of(office, row, rows, now=now, first=acts)
        part = PartWriter(office.packages, claim.ticket, key)
        job = desk.Job(
            step=claim.id, ticket=claim.ticket, case=case, right=office.rights[row.right], args=content["args"],
            key=key, now=now, due_at=row.due_at, settings=office.settings, inventory=office.inventory,
            vault=office.vault, store=office.store, packages=office.packages, package=part,
            files=partial(self._files, claim, key), affected=partial(affected_by, office, case, key),
            last_try=claim.attempts >= MOST_ATTEMPTS,
        )  # fmt: skip
        outcome = verb.run(job)
        return Done(outcome, part=part if part.files else None)

    def _files(self, claim: Claim, key: bytes) -> list[Any]:
        with self.office.store.read() as session:
            return package_files(session, key, claim.ticket, besides=claim.id)

    @contextmanager
    def _connector(self, claim: Claim) -> Iterator[Connector]:
        system = self.office.inventory.system(claim.system)
        client = self.office.client(system.client)
        if claim.verb == "absent" or not self.keep_open:  # the second look comes with fresh eyes
            with closing(connectors.build(system, client, self.office.vault.credential)) as fresh:
                yield fresh
            return
        if system.id not in self._connectors:
            self._connectors[system.id] = connectors.build(system, client, self.office.vault.credential)
        try:
            yield self._connectors[system.id]
        except BaseException:
            # its connections may be broken: the next step starts with new ones
            self._connectors.pop(system.id).close()
            raise

    def _note(self, notes: Notes, note: Found) -> None:
        self.heartbeat.moved()
        notes.add(note)

    def _cursor(self, claim: Claim, key: bytes) -> str:
        return unseal(key, claim.cursor, aad=_cursor_aad(claim)).decode() if claim.cursor else ""

    def _checkpoint(self, claim: Claim, key: bytes, cursor: str) -> None:
        self.heartbeat.moved()
        sealed = seal(key, cursor.encode(), aad=_cursor_aad(claim))
        with self.office.store.write() as session:
            if not steps.keep_cursor(session, claim.id, claim.token, sealed):
                raise Retryable("the lease was lost")

    def _keep_affected(self, claim: Claim, key: bytes, people: Iterable[Affected]) -> Outcome:
        outcome, batch = Outcome(), list[Affected]()

        def write() -> None:
            with self.office.store.write() as session:
                findings.keep_affected(
                    session, key, ticket=claim.ticket, step=claim.id, system=claim.system, people=batch
                )
            batch.clear()

        for person in people:
            self.heartbeat.moved()
            batch.append(person)
            outcome.count("people", "affected")
            if len(batch) == _BATCH:
                write()
        write()
        return outcome

    def _finish(self, claim: Claim, done: Done | RightsdeskError) -> str:
        office, now = self.office, self.office.now()
        with office.store.write() as session:
            row = lock(session, claim.ticket)
            later = _left_alone_until(session, claim, done, now)
            values = (
                _failed(claim, done, now, left_alone=later is not None)
                if isinstance(done, RightsdeskError)
                else self._ended(claim, row, done, now)
            )
            if not steps.end(session, claim.id, claim.token, **values):
                session.rollback()
                log.warning("step.late", step=claim.id, ticket=str(claim.ticket))
                return "not ours"
            if isinstance(done, Done):
                self._store(session, claim, row, done, now)
            _tell_people(session, claim, row, done, values["state"], now)
            if row.paused_at is not None:
                steps.rest_paused(session)
            rows, chain = steps_and_chain(session, claim.ticket)
            chain.append("step", now, ended(claim, values))
            moves = advance(office, session, row, rows, chain, now)
            chain.write(session)
            nudges = send_window(office, session, moves.lanes | {claim.lane}, now)
        self.publish(nudges)
        follow(office, self.publish, moves)
        state = str(values["state"])
        log.info(
            "step.ended", step=claim.id, ticket=str(claim.ticket), verb=claim.verb, system=claim.system, state=state
        )
        return state

    def _ended(self, claim: Claim, row: TicketRow, done: Done, now: datetime) -> dict[str, Any]:
        key, _ = self.office.ticket(row)
        outcome = done.outcome
        values = {
            "state": "done", "finished_at": now, "counts": outcome.counts, "cursor": None,
            "reasons": [reason.as_json() for reason in outcome.reasons], "commitment": done.commitment,
            "result": seal_result(key, claim.ticket, outcome.identifiers, outcome.names),
        }  # fmt: skip
        if claim.verb == "absent" and outcome.total("hit") and claim.part != "1":
            hits = ", ".join(sorted(name for name, of in outcome.counts.items() if of.get("hit")))
            values |= {"state": "failed", "error": f"the second look still finds the person in {hits}"}
        return values

    def _store(self, session: Session, claim: Claim, row: TicketRow, done: Done, now: datetime) -> None:
        key, ticket = self.office.ticket(row)
        findings.keep(session, key, ticket=claim.ticket, step=claim.id, system=claim.system, notes=done.notes)
        if done.part is not None:
            save_part(session, key, claim.ticket, claim.id, done.part.files)
        if done.outcome.identifiers:
            self._widen(session, row, ticket, done.outcome.identifiers, key, now)

    def _widen(
        self, session: Session, row: TicketRow, ticket: Ticket, found: set[Identifier], key: bytes, now: datetime
    ) -> None:
        """Let the blind index and the gate know the identifiers that were found, too."""
        digests = remember(self.office, session, row, found)
        standing = [gate for gate in self.office.rights[row.right].gates(ticket) if not gate.proof]
        gates.open_gates(session, row.id, standing, digests, key=key, at=now, declared=row.received_at)


def follow(office: Office, publish: Callable[[list[Nudge]], None], moves: Moves) -> None:
    """Advance the tickets that waited for one that ended, each in a transaction of its own."""
    for ticket in sorted(moves.followers):
        now = office.now()
        with office.store.write() as session:
            more = move_on(office, session, ticket, now)
            nudges = send_window(office, session, more.lanes, now)
        publish(nudges)
        follow(office, publish, more)


def _tell_people(
    session: Session, claim: Claim, row: TicketRow, done: Done | RightsdeskError, state: str, now: datetime
) -> None:
    """Raise, or end, what a step's end means for those on call."""
    if state == "failed":
        alarms.held(session, row, claim.stage, claim.key, claim.system, now)
    elif state == "done":
        clocks.end(session, row, claim.verb, now)
    if isinstance(done, Done | Waiting):
        alarms.back(session, claim)  # it answered, whatever it said
    elif _is_away(claim, done):
        alarms.in_vain(session, claim, row, now)


def _left_alone_until(session: Session, claim: Claim, done: Done | RightsdeskError, now: datetime) -> datetime | None:
    """Count what says that a system is down; return when it is tried again, if its circuit is open now."""
    if not isinstance(done, Retryable) or not _is_away(claim, done):
        return None
    return circuits.failed(session, claim.system, now=now, after=done.after)


def _is_away(claim: Claim, done: Done | RightsdeskError) -> bool:
    """Say whether the step's end speaks of a system that cannot be worked with."""
    return claim.system != DESK and isinstance(done, Retryable) and not isinstance(done, Waiting | _OwnDatabase)


def _nothing(_: Work) -> Outcome:
    return Outcome()


def _failed(claim: Claim, error: RightsdeskError, now: datetime, *, left_alone: bool) -> dict[str, Any]:
    text = str(error)
    if left_alone:
        # no attempt of the step's: however long the system is down, nobody has to retry what waits for it
        return {"state": "ready", "error": text, "not_before": None, "attempts": max(claim.attempts - 1, 1)}
    if isinstance(error, Held):
        return {"state": "waived", "decision": STOPPED, "by": error.by, "error": text, "finished_at": now}
    if isinstance(error, Waiting):
        later = now + timedelta(seconds=error.after)
        return {"state": "ready", "error": text, "not_before": later, "attempts": claim.attempts - 1}
    if isinstance(error, Retryable) and claim.attempts < MOST_ATTEMPTS:
        # what a system itself asks for (Retry-After) may be longer than ours
        pause = max(error.after, min(error.after * 2 ** (claim.attempts - 1), _LONGEST_PAUSE))
        return {"state": "ready", "error": text, "not_before": now + timedelta(seconds=pause)}
    if isinstance(error, Retryable):
        text = f"{text} (gave up after {claim.attempts} attempts)"
    return {"state": "failed", "error": text, "finished_at": now}


def ended(step: Claim | GivenUp, values: dict[str, Any]) -> dict[str, Any]:
    """Return what evidence keeps of a step's end, or of a try that was in vain."""
    kept = {name: values[name] for name in _KEPT if values.get(name)}
    return {
        "step": step.id,
        "stage": step.stage,
        "verb": step.verb,
        "system": step.system,
        "try": step.attempts,
    } | kept


def _cursor_aad(claim: Claim) -> bytes:
    return f"cursor:{claim.id}".encode()
