"""The page behind an alert's link, served for real: looking acknowledges nothing, pressing the button does."""

from collections.abc import Iterator

import httpx
import pytest

from shared.vault import open_vault
from tests.webs import serving
from tests.workers.alerts.conftest import on_duty, web  # noqa: F401 - fixtures
from tests.workers.alerts.duty import Duty
from workers.alerts.link import LASTS, Pass, read, signed
from workers.console.app import make_console
from workers.office import utc_now


@pytest.fixture
def duty(on_duty, web) -> Duty:  # noqa: F811 - fixtures
    """Three alerts that were told by one message."""
    made = on_duty(public_url="https://rights.vendor.example", at=utc_now())
    made.raised(3, system="chat")
    made.look()
    made.path = "/a/" + web.heard[0].json()["link"].rpartition("/a/")[2]
    return made


@pytest.fixture
def browser(duty: Duty) -> Iterator[httpx.Client]:
    """A browser at the console."""
    office = duty.office
    with (
        serving(make_console(office.settings, office.store, office.vault)) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def states(duty: Duty) -> set[tuple[str, str | None]]:
    """The alerts' states, and who acknowledged."""
    return {(duty.row(ident).state, duty.row(ident).acknowledged_by) for ident in {one.alert for one in rows(duty)}}


def rows(duty: Duty):
    """The deliveries with their alerts."""
    from sqlalchemy import select

    from shared.store.tables import AlertDeliveryRow

    with duty.office.store.read() as session:
        return session.execute(select(AlertDeliveryRow.alert_id.label("alert"))).all()


def test_looking_acknowledges_nothing(duty, browser):
    """A mail scanner opens every link; it sees a button."""
    for _ in range(3):
        page = browser.get(duty.path)
    assert 200 == page.status_code
    assert "<h1>3 alerts</h1>" in page.text
    assert "I see to them (ines)" in page.text
    assert {("open", None)} == states(duty)
    assert 405 == browser.head(duty.path).status_code


def test_the_button_acknowledges_all_of_the_message_once(duty, browser):
    """As the person for whom the link was made; pressing again changes nothing, and shows who did."""
    page = browser.post(duty.path)
    assert 200 == page.status_code
    assert "Nobody is told of them again" in page.text
    assert {("acknowledged", "ines")} == states(duty)
    other = "/a/" + signed(duty.office.vault, Pass(batch(duty), "omar"), now=utc_now())
    assert "acknowledged by ines" in browser.post(other).text
    assert {("acknowledged", "ines")} == states(duty)
    assert 0 == duty.look(days=1).messages


def batch(duty: Duty) -> str:
    """The message's id."""
    found = read(duty.office.vault, duty.path.removeprefix("/a/"), now=utc_now())
    assert found is not None
    return found.batch


def test_what_is_not_signed_by_us_is_not_there(duty, browser, tmp_path):
    """Changed, cut, too old, of another installation, or nonsense: one plain line."""
    token = duty.path.removeprefix("/a/")
    vault, other = duty.office.vault, open_vault(tmp_path / "other")
    wrong = [
        token[:-2], token + "A", ("B" if token[0] == "A" else "A") + token[1:], token.swapcase(), "x", "é", "A" * 43,
        "%00",
        signed(other, Pass(batch(duty), "ines"), now=utc_now()),
        signed(vault, Pass(batch(duty), "ines"), now=utc_now() - LASTS),
    ]  # fmt: skip
    for one in wrong:
        for method in ("GET", "POST"):
            answer = browser.request(method, f"/a/{one}")
            assert (404, "not found\n") == (answer.status_code, answer.text), one
    assert {("open", None)} == states(duty)


def test_the_page_keeps_to_itself(duty, browser):
    """No cache, no referrer, no script, no frame."""
    answer = browser.get(duty.path)
    assert ("no-store", "no-referrer") == (answer.headers["cache-control"], answer.headers["referrer-policy"])
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in answer.text
