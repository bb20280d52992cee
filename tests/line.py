"""The straight line in one process: real broker, real database, real systems; steps are worked in turn."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from shared.settings import Settings
from shared.store.checkpoints import certified
from shared.store.nudge import Nudge
from tests import small
from tests.schema import to_head
from workers import views
from workers.decisions import Decision, decide
from workers.intake import Intake
from workers.office import Office, open_office
from workers.perform import Performer
from workers.submit import Submitter, check


@dataclass
class Line:
    """An office with its intake and one performer; what would be published is kept in `nudges`."""

    office: Office
    nudges: list[Nudge] = field(default_factory=list)
    worked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.performer = Performer(self.office, self.nudges.extend)
        self.intake = Intake(self.office, self.nudges.extend)
        self.submitter = Submitter(self.office.settings, inventory=self.office.inventory, vault=self.office.vault)

    def submit(self, raw: dict[str, Any]) -> UUID:
        """Submit a ticket through the broker and have it stored."""
        (ident,) = self.submitter.queue([check(raw, inventory=self.office.inventory)])
        self.intake.round()
        return next(iter(self.submitter.accepted([ident], timeout=5)))

    def run(self, *, stop: Callable[[Nudge], bool] = lambda _: False) -> None:
        """Work until nothing is left to be sent, or a step is one to stop before."""
        while self.nudges:
            nudge = self.nudges.pop(0)
            if stop(nudge):
                self.nudges.insert(0, nudge)
                return
            self.performer.perform(nudge.id)
            self.worked.append(nudge.id)

    def ticket(self, ident: UUID) -> dict[str, Any]:
        """Return a ticket as `rightsdesk ticket --json` shows it."""
        with self.office.store.read() as session:
            found = views.ticket(session, ident, now=self.office.now())
        assert found is not None
        return found

    def decide(self, ident: UUID, verb: str, **more: Any) -> None:
        """Decide as a person, and go on."""
        by = more.pop("by", "ines")
        decide(self.office, self.nudges.extend, ident, Decision(verb, by, "as the test says", **more))
        self.run()

    def certificate(self, ident: UUID) -> dict[str, Any]:
        """Return a closed ticket's certificate."""
        with self.office.store.read() as session:
            found = certified(session, ident)
        assert found is not None
        return found

    def close(self) -> None:
        """Let go of everything."""
        self.performer.close()
        self.intake.broker.close()
        self.submitter.broker.close()
        self.office.close()


def open_line(home: Path, systems: Path, *, broker: str, database: str | None = None, **more: Any) -> Line:
    """Open a line over a home, an inventory, a broker and a database (SQLite under the home by default)."""
    if "smtp_url" in more:
        more["smtp_url"] = SecretStr(more["smtp_url"])
    settings = Settings(home=home, systems=systems, broker_url=broker, database_url=database, **more)
    settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    office = open_office(settings)
    to_head(office.store)
    return Line(office)


@contextmanager
def small_line(folder: Path, **how: Any) -> Iterator[Line]:
    """Open a line over a small world for the length of a block; `how` as for `open_line`."""
    world = small.build(folder / "world")
    with closing(open_line(folder / "home", world.systems, **how)) as made:
        yield made
