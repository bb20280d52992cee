"""People who come and ask, and what must be true once all has been done."""

import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from shared.store.tables import DeadLetterRow, StepRow, TicketRow
from tests.faults.soak.world import World
from tests.line import Line
from tests.small import ticket
from workers.submit import QueueDown, check


class Crowd:
    """People who come and ask, and what must be true once all has been done."""

    def __init__(self, line: Line, world: World, seed: int):
        self.line, self.world = line, world
        self.rng, self.ids = random.Random(f"{seed} asks"), []
        self.received = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)

    def ask(self, most: int):
        """Let people come and ask, in the order in which they ask; every tenth ticket is submitted twice."""
        asked = []
        while len(asked) < most:
            (person,) = self.world.come(1)
            asked += self._asked(person)
        for raws in (asked, asked[::10]):
            with suppress(QueueDown):  # it is spooled, and intake sends it
                self.line.submitter.queue(check(raw, inventory=self.line.office.inventory) for raw in raws)
        self.ids += [UUID(raw["id"]) for raw in asked]

    def _asked(self, person):
        plans = (
            (["access", "erasure"], 35), (["objection", "access", "portability", "erasure"], 15),
            (["rectification", "access"], 20), (["restriction", "access"], 15),
            (["consent", "objection", "access"], 15),
        )  # fmt: skip
        (rights,) = self.rng.choices([rights for rights, _ in plans], [weight for _, weight in plans])
        for right in rights:
            yield self._ticket(right, person)

    def _ticket(self, right, person):
        self.received += timedelta(seconds=1)
        details = {}
        if right == "rectification":
            person.fates.add("renamed")
            details = {"changes": {"user.name": person.name}}
        elif right == "consent":
            said = {"purposes": ["newsletter"], "channel": "web", "wording": "v1", "act": "ticked an empty box"}
            details = {"consent": said | {"action": "give"}}
        person.fates |= {"erasure": {"erased"}, "restriction": {"restricted"}}.get(right, set())
        ident = str(UUID(int=self.rng.getrandbits(128), version=4))
        return ticket(right, person.email, id=ident, received_at=self.received.isoformat(), details=details)

    def done(self) -> tuple[int, int]:
        """Return how many tickets have closed and how many steps are done; -1 while the database does not answer."""
        try:
            with self.line.office.store.read() as session:
                tickets = session.scalar(select(func.count()).where(TicketRow.state == "closed"))
                steps = session.scalar(select(func.count()).where(StepRow.state == "done"))
        except SQLAlchemyError:
            return -1, -1
        return tickets or 0, steps or 0

    def open(self):
        """Return the steps that are not done, of some tickets."""
        with self.line.office.store.read() as session:
            wanted = select(TicketRow.id, TicketRow.right, StepRow.verb, StepRow.system, StepRow.state, StepRow.error)
            joined = wanted.join(StepRow, StepRow.ticket_id == TicketRow.id)
            left = TicketRow.state != "closed", StepRow.state.not_in(("done", "waived"))
            return [tuple(row) for row in session.execute(joined.where(*left).limit(20))]

    def wrong(self):
        """Say all that is not as it must be."""
        with self.line.office.store.read() as session:
            stored = set(session.scalars(select(TicketRow.id)))
            dead = session.scalars(select(DeadLetterRow.reason)).all()
        yield from (f"ticket {one} is not stored" for one in set(self.ids) - stored)
        yield from (f"ticket {one} was never submitted" for one in stored - set(self.ids))
        yield from (f"open: {one}" for one in self.open())
        yield from (f"a dead letter: {reason}" for reason in dead)
        yield from self.world.differences()

    def outcomes(self):
        """Return how often tickets of each right ended how."""
        with self.line.office.store.read() as session:
            ended = session.execute(select(TicketRow.right, TicketRow.outcome)).all()
        return Counter(f"{right} {outcome}" for right, outcome in ended)
