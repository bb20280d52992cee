"""The page behind an alert's signed link. Looking acknowledges nothing: mail scanners open every link."""

from dataclasses import dataclass
from datetime import datetime

from shared.store.session import Store
from shared.store.tables import AlertRow
from shared.vault import Vault
from workers.alerts.acknowledging import acknowledge, named_by
from workers.alerts.link import Pass, read
from workers.alerts.text import headline, subject


@dataclass(frozen=True, slots=True)
class AlertPage:
    """What the page shows."""

    lines: list[str]
    open: bool
    person: str


def look(store: Store, vault: Vault, token: str, *, now: datetime) -> AlertPage | None:
    """Return the page of a link; None if it is none of ours, or too old."""
    found = read(vault, token, now=now)
    if found is None:
        return None
    with store.read() as session:
        return _page(found, named_by(session, found.batch))


def press(store: Store, vault: Vault, token: str, *, now: datetime) -> AlertPage | None:
    """Acknowledge the alerts of a link as the person for whom it was made; return the page as it is then."""
    found = read(vault, token, now=now)
    if found is None:
        return None
    return _page(found, acknowledge(store, found.batch, by=found.person, now=now))


def _page(found: Pass, alerts: list[AlertRow]) -> AlertPage:
    lines = [f"{subject(one)}: {headline(one)} ({_state(one)}; alert {one.id})" for one in alerts]
    return AlertPage(lines, any(one.state == "open" for one in alerts), found.person)


def _state(alert: AlertRow) -> str:
    return f"acknowledged by {alert.acknowledged_by}" if alert.state == "acknowledged" else alert.state
