"""Fixtures for commands about alerts."""

import pytest

from tests.workers.alerts.conftest import on_duty, web  # noqa: F401 - fixtures
from workers.office import utc_now


@pytest.fixture
def duty(on_duty, web, monkeypatch):  # noqa: F811 - fixtures
    """A home in which ines was told of one alert, and nobody could be told of another, a breach's."""
    made = on_duty(at=utc_now(), keys="timeout = 1")
    monkeypatch.setenv("RIGHTSDESK_HOME", str(made.office.settings.home))
    monkeypatch.setenv("RIGHTSDESK_SYSTEMS", str(made.office.settings.systems))
    (made.told,) = made.raised()
    made.look()
    web.statuses = [500, 500]
    (made.untold,) = made.raised(right="breach", urgent=True, kind="circuit", milestone=None, clock=None, system="chat")
    made.look()
    return made
