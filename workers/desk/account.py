"""The account of a ticket: what was done, what was kept and why, what is left. What letters are written from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from shared.deadlines import period
from shared.domain.case import Case
from shared.domain.outcome import total
from shared.domain.step import CHANNELS, Taken

_DONE = ("exported", "erased", "masked", "redacted", "rectified", "restricted", "lifted")
_LEFT = ("retained", "residual", "failed")
_WITH_REASON = (*_LEFT, "masked", "redacted")
_ADDS_UP = frozenset({"erased", "rectified"})  # a second act counts what the first had left


@dataclass(frozen=True, slots=True)
class Deed:
    """How many records of a collection something was done with."""

    system: str
    channel: str
    collection: str
    outcome: str
    number: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Why records of a collection were kept or left, and until when."""

    system: str
    channel: str
    collection: str
    outcome: str
    ground: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Undone:
    """An act on a system that a person decided to leave undone."""

    system: str
    channel: str
    verb: str


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a ticket, in the order of its systems."""

    deeds: tuple[Deed, ...]
    left: tuple[Deed, ...]  # retained, residual, failed: by number
    kept: tuple[Kept, ...]
    undone: tuple[Undone, ...]
    searched: bool
    nothing_found: bool
    unsure: bool  # records that could not be told to be the person's were left alone
    proven: bool  # the second look found nothing, everywhere
    recipients_told: int
    backups_until: date | None


def account_of(case: Case) -> Account:
    """Read a case's steps as an account."""
    acted = [step for step in case.steps if step.channel in CHANNELS]
    telling = [step for step in acted if step.state == "done" and not _passing(step, case)]
    located = [step for step in case.taken("locate") if step.state == "done"]
    # a refusal or a withdrawal waives whatever is open
    waived = [step for step in case.steps if step.state == "waived" and case.verdict is None]
    return Account(
        deeds=tuple(_numbers(case, telling, _DONE)),
        left=tuple(_numbers(case, telling, _LEFT)),
        kept=tuple(dict.fromkeys(_kept(telling))),
        undone=tuple(dict.fromkeys(Undone(s.system, s.channel, s.verb) for s in waived if s in acted)),
        searched=bool(located),
        nothing_found=bool(located) and not any(total(s.counts, "found", "mention", "ambiguous") for s in located),
        unsure=any(step.verb == "match" for step in waived),
        proven=_proven(case),
        recipients_told=sum(step.state == "done" for step in case.taken("notify")),
        backups_until=_backups_until(case),
    )


def local_date(case: Case) -> date:
    """Return today's date where the controller is."""
    return case.now.astimezone(ZoneInfo(case.client.timezone)).date()


def _passing(step: Taken, case: Case) -> bool:
    """Say whether a step says nothing of how things stand now: a search, or a rest that has ended since."""
    if step.verb in ("locate", "absent"):
        return True
    rested = any(one.state == "done" for one in case.taken("restrict", step.system))
    lifted = any(one.state == "done" for one in case.taken("lift", step.system))
    if step.verb == "restrict":
        return lifted or case.ticket.right == "erasure"
    return step.verb == "lift" and rested


def _numbers(case: Case, telling: list[Taken], outcomes: tuple[str, ...]) -> Iterator[Deed]:
    numbers: dict[tuple[str, str, str, str], int] = {}
    for step in telling:
        for collection, of in step.counts.items():
            for outcome in outcomes:
                place, number = (step.system, step.channel, collection, outcome), of.get(outcome, 0)
                before = numbers.get(place, 0)
                numbers[place] = before + number if outcome in _ADDS_UP else max(before, number)
    order = {system.id: number for number, system in enumerate(case.systems)}
    for place in sorted(numbers, key=lambda one: (order.get(one[0], len(order)), one[2], outcomes.index(one[3]))):
        if numbers[place]:
            yield Deed(*place, numbers[place])


def _kept(telling: list[Taken]) -> Iterator[Kept]:
    for step in telling:
        for reason in step.reasons:
            if reason["outcome"] in _WITH_REASON:
                until = date.fromisoformat(reason["until"]) if reason.get("until") else None
                yield Kept(step.system, step.channel, reason["collection"], reason["outcome"], reason["ground"], until)


def _proven(case: Case) -> bool:
    looks = {step.system: step for step in case.taken("absent")}
    return bool(looks) and all(one.state == "done" and not total(one.counts, "hit") for one in looks.values())


def _backups_until(case: Case) -> date | None:
    """Return when the last copy in a backup is gone, counted as on the certificate."""
    if not case.client.backups or not case.total("erased", "masked", "redacted", verb="delete"):
        return None
    return period(case.client.backups).after(case.now.date())
