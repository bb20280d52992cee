"""The account of a ticket: what was done, what was kept and why, what is left. What letters are written from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from shared.deadlines import period
from shared.domain.case import Case
from shared.domain.outcome import total
from shared.domain.step import CHANNELS, Taken
from workflows.holds import STOPPED, is_kept

_DONE = ("exported", "erased", "masked", "redacted", "rectified", "restricted", "lifted")
_LEFT = ("retained", "residual", "failed")
_WITH_REASON = (*_LEFT, "masked", "redacted")
_ADDS_UP = frozenset({"erased"})  # a second act counts what the first had left


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
    erased: bool  # anything
    held: bool  # a legal hold keeps something
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
    waived = [s for s in case.steps if s.state == "waived" and s.decision != STOPPED and case.verdict is None]
    deeds = tuple(_numbers(case, telling, _DONE))
    return Account(
        deeds=deeds,
        left=tuple(_numbers(case, telling, _LEFT)),
        kept=tuple(dict.fromkeys(_kept(telling))),
        undone=tuple(dict.fromkeys(Undone(s.system, s.channel, s.verb) for s in waived if s in acted)),
        searched=bool(located),
        nothing_found=bool(located) and not any(total(s.counts, "found", "mention", "ambiguous") for s in located),
        erased=any(deed.outcome in ("erased", "masked", "redacted") for deed in deeds),
        held=any(is_kept(case, system.id) for system in case.systems),
        unsure=any(step.verb == "match" for step in waived),
        proven=_proven(case),
        recipients_told=sum(step.state == "done" for step in case.taken("notify")),
        backups_until=_backups_until(case),
    )


def _passing(step: Taken, case: Case) -> bool:
    """Say whether a step says nothing of how things stand now: a search, a rest that has ended, or its end."""
    rested = any(one.state == "done" for one in case.taken("restrict", step.system))
    return step.verb in ("locate", "absent") or case.rest_has_ended(step) or (step.verb == "lift" and rested)


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
    unseen = any(is_kept(case, system.id) and system.id not in looks for system in case.systems)
    clean = all(one.state == "done" and not total(one.counts, "hit") for one in looks.values())
    return bool(looks) and clean and not unseen


def _backups_until(case: Case) -> date | None:
    """Return when the last copy in a backup is gone, counted as on the certificate."""
    if not case.client.backups or not case.total("erased", "masked", "redacted", verb="delete"):
        return None
    return period(case.client.backups).after(case.now.date())
