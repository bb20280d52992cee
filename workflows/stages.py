"""Stages that several rights share. Each is a function from the case to the steps it asks for."""

from collections.abc import Iterable, Iterator
from typing import Any

from shared.domain.case import Case, SystemView
from shared.domain.outcome import total
from shared.domain.step import Step

MOST_ROUNDS = 8  # of widening; beyond that a person looks at what chains so many identifiers together


def identify(case: Case) -> Iterator[Step]:
    """Art. 12(6): the client vouches for the person, or a person decides; a mandate is always looked at."""
    if case.client.identity == "attested" and case.ticket.identity is None:
        yield Step("identity", waits="identity")
    yield from mandate(case)


def mandate(case: Case) -> Iterator[Step]:
    """Whoever asks in the person's name shows that they may; before anything is disclosed or allowed."""
    if case.ticket.subject and case.ticket.subject.represented_by:
        yield Step("mandate", waits="mandate")


def locate(case: Case) -> Iterator[Step]:
    """Find everything of the person everywhere; again with what was found, until nothing new is found."""
    endless = False
    if not case.systems:
        yield Step("search", waits="search by hand")  # nothing in the inventory to search: a person says what was done
    for system in case.systems:
        rounds = case.taken("locate", system.id)
        if rounds and case.subject.identifiers <= case.known_to(rounds[-1]):
            continue
        if len(rounds) >= MOST_ROUNDS:
            endless = True
        else:
            yield case.on(system, "locate", part=str(len(rounds) + 1))
    if endless:  # one question, however many systems it concerns
        yield Step("match", part="widening", waits="match")


def resolve(case: Case) -> Iterator[Step]:
    """What stays ambiguous goes to a person: approved, it is taken as the person's; waived, it is left alone."""
    last = (case.taken("locate", system.id)[-1:] for system in case.systems)
    if any(total(step.counts, "ambiguous") for steps in last for step in steps):
        yield Step("match", waits="match")


def confirm(case: Case) -> Iterator[Step]:
    """Where the client asks for it, a one-time code goes to an address of the person before anything is done."""
    if case.client.identity == "code":
        yield Step("code")
        if is_over(case, "code"):
            # a code that could not be sent was waived: a person establishes the identity otherwise
            sent = any(step.state == "done" for step in case.taken("code"))
            yield Step("identity", part="code" if sent else "", waits="identity")
        if len(case.subject.given) > 1:
            # the code proves one address; whether the rest is the same person's is for a person to say
            yield Step("identity", part="others", waits="identity")


def wait_turn(case: Case) -> Iterator[Step]:
    """Tickets about one person do not race: earlier ones end first, unless a person decides otherwise."""
    if case.ahead:
        yield Step("turn", waits="turn")


def export(case: Case) -> Iterator[Step]:
    """Write out what every system holds."""
    return act(case, "export")


def undo(case: Case) -> Iterator[Step]:
    """Where a ticket is refused or withdrawn, what was restricted for it is lifted again."""
    if case.verdict:
        able = {system.id for system in case.systems if "lift" in system.verbs}
        for step in case.taken("restrict"):
            if step.state == "done" and step.system in able:
                yield Step("lift", step.system, step.channel)


def tell(case: Case) -> Iterator[Step]:
    """Art. 19: tell each recipient to whom the data have been disclosed."""
    if any(case.holds(system.id) for system in case.systems):
        for number, url in enumerate(case.client.callbacks):
            yield Step("notify", part=str(number), args={"url": url})


def wait_for_first(_: Case) -> Iterator[Step]:
    """A ticket that asks for what another one does already waits for it, unless a person decides otherwise."""
    yield Step("turn", part="first", waits="turn")


def answer(case: Case) -> Iterator[Step]:
    """Every ticket ends with the answer: a letter that says what was done, what was not, and the remedies.

    What another ticket has exported for this one becomes its own copy first.
    """
    if case.rests_on and case.taken("export") and not is_over(case, "adopt"):
        yield Step("adopt", args={"of": str(case.rests_on)})
    else:
        yield Step("answer")


def deliver(_: Case) -> Iterator[Step]:
    """Hand the package over, as the client has it."""
    yield Step("deliver")


def call_back(case: Case) -> Iterator[Step]:
    """Tell the submitter's own addresses that the ticket has ended."""
    for number, url in enumerate(case.ticket.callback_urls):
        yield Step("callback", part=str(number), args={"url": str(url)})


def act(case: Case, verb: str, **args: Any) -> Iterator[Step]:
    """Ask for a verb on every system that holds something of the person."""
    for system in holding(case):
        yield case.on(system, verb, **args)


def prove(case: Case, verb: str, systems: Iterable[SystemView], **args: Any) -> Iterator[Step]:
    """Look again; a hit puts the act back once, then fails and waits.

    Looks are numbered. A first look that hits is done, and is followed by a new locate, the act and another look;
    a later look that hits fails. A person's retry of it means: put the act back again.
    """
    for system in systems:
        looks = case.taken("absent", system.id)
        number = len(looks)
        if number and looks[-1].state == "done" and total(looks[-1].counts, "hit"):
            again = f"again{number}"
            if not is_over(case, "locate", system.id, again):
                yield case.on(system, "locate", part=again)
                continue
            if not is_over(case, verb, system.id, again):
                yield case.on(system, verb, part=again, **args)
                continue
            number += 1
        yield case.on(system, "absent", part=str(max(number, 1)), act=verb, **args)


def holding(case: Case) -> list[SystemView]:
    """Return the systems that hold something of the person."""
    return [system for system in case.systems if case.holds(system.id)]


def is_over(case: Case, verb: str, system: str = "", part: str | None = None) -> bool:
    """Say whether a step of that kind exists and is done or waived."""
    return any(step.state in ("done", "waived") and part in (None, step.part) for step in case.taken(verb, system))
