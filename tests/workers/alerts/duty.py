"""People on duty: a home with [alerts], a clock that is set by hand, alerts raised, letters counted."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from shared.settings import Settings
from shared.store.alerts import raise_alerts
from shared.store.tables import AlertChannelRow, AlertDeliveryRow, AlertRow
from tests.schema import to_head
from tests.small import CLIENT
from tests.workers.desk.jobs import Web
from workers.alerts import shown
from workers.alerts.deliver import Delivered, deliver
from workers.office import Office, open_office

NOON = datetime(2026, 1, 6, 12, 0, tzinfo=UTC)  # a Tuesday; ines is on call
ROTA = '\n[[alerts.rota]]\nstarts = "2026-01-05T09:00"\npeople = ["ines", "omar"]\n'


def inbox(web: Web, name: str) -> str:
    """Return the URL of a webhook of this name."""
    return f"{web.url.replace('http://', 'json://')}/{name}"


def section(people: dict[str, list[str]], *, rota: str = ROTA, keys: str = "") -> str:
    """Write an [alerts] section."""
    named = "".join(f"{name} = {urls!r}\n" for name, urls in people.items())
    return f"[alerts]\n{keys}\n[alerts.people]\n{named}{rota}".replace("'", '"')


@dataclass
class Duty:
    """An office with alerts to be delivered."""

    folder: Path
    alerts: str
    database: str | None = None
    public_url: str | None = None
    at: datetime = NOON
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        systems = self.folder / "systems.toml"
        systems.write_text(CLIENT + self.alerts)
        settings = Settings(
            home=self.folder / "home", systems=systems, database_url=self.database, public_url=self.public_url
        )
        settings.root.mkdir(mode=0o700, exist_ok=True)
        self.office = open_office(settings, now=lambda: self.at)
        to_head(self.office.store)

    def another(self) -> Office:
        """Open the office of another process on the same database."""
        return open_office(self.office.settings, now=lambda: self.at)

    def raised(self, number: int = 1, **about) -> list[str]:
        """Raise alerts now."""
        common = {"kind": "milestone", "milestone": "90%", "clock": "statutory", "client": "acme", "right": "erasure"}
        common |= {"due_at": self.at + timedelta(days=3)}
        idents = [uuid4().hex for _ in range(number)]
        with self.office.store.write() as session:
            raise_alerts(session, [common | {"id": one, "dedup": one} | about for one in idents], now=self.at)
        return idents

    def look(self, **later) -> Delivered:
        """Deliver what is due, after some time."""
        self.at += timedelta(**later)
        return deliver(self.office)

    def row(self, ident: str) -> AlertRow:
        """Return an alert."""
        with self.office.store.read() as session:
            return session.get_one(AlertRow, ident)

    def deliveries(self, ident: str | None = None) -> list[tuple[str, int, str, str]]:
        """Return channel, attempt, state and answer of what was tried."""
        query = select(AlertDeliveryRow).order_by(AlertDeliveryRow.id)
        with self.office.store.read() as session:
            rows = session.scalars(query.where(AlertDeliveryRow.alert_id == ident) if ident else query)
            return [(row.channel, row.attempt, row.state, row.answer) for row in rows]

    def channel(self, name: str) -> AlertChannelRow:
        """Return how a channel fares."""
        with self.office.store.read() as session:
            return session.get_one(AlertChannelRow, name)

    def overview(self) -> dict:
        """Return what status and metrics show."""
        with self.office.store.read() as session:
            return shown.overview(session, self.office.inventory.alerts, now=self.at)


def told(web: Web) -> list[str]:
    """Return whose webhooks were called, in order; the server forgets them."""
    names = [heard.path.strip("/") for heard in web.heard]
    web.heard.clear()
    return names
