"""What `up` and `demo` do before the parts start: keys, schema, a check of the inventory; and the metrics."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import func, select

from shared import inventory as inventories
from shared.on_call.settings import Alerts
from shared.settings import Settings
from shared.store.migrate import migrate
from shared.store.session import Store
from shared.store.tables import DeadLetterRow, StepRow, TicketRow
from shared.vault import open_vault, together
from workers import connectors, published
from workers.alerts.shown import overview
from workers.links import links_of
from workers.office import utc_now


def prepare(settings: Settings, say: Callable[[str], None] = lambda _: None) -> None:
    """Create what is missing; a UsageError says what is set up wrong, before anything starts."""
    settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    inventory = inventories.load(settings.systems)
    inventories.check_packages(inventory, settings.package_url, settings.packages_region)
    if settings.checkpoints:
        published.check(settings.checkpoints)
    vault = open_vault(settings.root, settings.secrets, ask=False)
    connectors.check(inventory, vault.credential)
    for client in inventory.clients:
        links_of(inventory, client)
    if together(settings.root, settings.secrets):
        say("keys    opened by two secrets under this home; production must part them: docs/keys.md")
    store = Store(settings.database)
    migrate(store)
    store.close()


class _Desk:
    """Gauges read from the database at each scrape: ids and kinds only."""

    def __init__(self, store: Store, alerts: Alerts) -> None:
        self.store = store
        self.alerts = alerts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        tickets = GaugeMetricFamily("rightsdesk_tickets", "Tickets by right and state", labels=["right", "state"])
        steps = GaugeMetricFamily("rightsdesk_steps", "Steps not over, by state", labels=["state"])
        dead = GaugeMetricFamily("rightsdesk_dead_letters", "Dead letters not replayed")
        with self.store.read() as session:
            for right, state, number in session.execute(
                select(TicketRow.right, TicketRow.state, func.count()).group_by(TicketRow.right, TicketRow.state)
            ):
                tickets.add_metric([right, state], number)
            for state, number in session.execute(
                select(StepRow.state, func.count())
                .where(StepRow.state.in_(("waiting", "ready", "queued", "running", "failed")))
                .group_by(StepRow.state)
            ):
                steps.add_metric([state], number)
            count = (
                select(func.count())
                .select_from(DeadLetterRow)
                .where(DeadLetterRow.replayed_at.is_(None), DeadLetterRow.entry != b"")
            )
            dead.add_metric([], session.scalar(count) or 0)
            found = overview(session, self.alerts, now=utc_now())
        yield from (tickets, steps, dead)
        yield GaugeMetricFamily("rightsdesk_alerts_open", "Alerts that nobody has acknowledged", found["open"])
        yield GaugeMetricFamily(
            "rightsdesk_alerts_undelivered", "Open alerts that nobody was told of", found["undelivered"]
        )
        yield GaugeMetricFamily(
            "rightsdesk_milestones_missed", "Milestones due that no look has taken: beat does not run",
            found["milestones_missed"],
        )  # fmt: skip
        yield GaugeMetricFamily(
            "rightsdesk_alert_channels_failing", "Alert channels whose last message failed",
            len(found["channels_failing"]),
        )  # fmt: skip


def registry(settings: Settings) -> CollectorRegistry:
    """Return what `/metrics` shows."""
    made = CollectorRegistry()
    made.register(_Desk(Store(settings.database), inventories.load(settings.systems).alerts))
    return made
