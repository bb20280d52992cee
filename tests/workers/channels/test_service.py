"""Services by Apprise: text and ids arrive, failures are named by their status, and no secret is shown."""

from dataclasses import replace

import pytest

from tests.workers.channels.conftest import CANARY
from workers.channels import Undelivered
from workers.channels.address import service_of
from workers.channels.sending import send
from workers.channels.service import _carry

TOKEN = "3ccdd113474722377935511fc85d3dd4"


def test_a_chat_message_arrives(web, message):
    """Mattermost's webhook gets title and text; Apprise lets no more out than that it was accepted."""
    where = web.url.replace("http://", "mmost://")
    web.statuses = [200]
    assert "accepted" == send("room", f"{where}/{TOKEN}", message, timeout=5)
    assert f"/hooks/{TOKEN}" == web.heard[0].path
    assert "alert a1" in web.heard[0].json()["text"]
    assert "icon_url" not in web.heard[0].json()  # nothing is fetched from Apprise's own pages


def test_a_long_text_is_cut_not_refused(web, message):
    """Mattermost takes 4,000 characters; one message arrives, and begins as it should."""
    web.statuses = [200]
    long = replace(message, text="alert a1\n" + "x" * 9000)
    assert "accepted" == send("room", web.url.replace("http://", "mmost://") + f"/{TOKEN}", long, timeout=5)
    (heard,) = web.heard
    assert "alert a1" in heard.json()["text"]
    assert len(heard.json()["text"]) <= 4000


def test_a_plain_form_bears_the_id(web, message):
    """A kind of webhook with headers gets the Idempotency-Key."""
    assert "accepted" == send("room", web.url.replace("http://", "form://"), message, timeout=5)
    assert "b1" == web.heard[0].headers["Idempotency-Key"]


def test_pagers_know_a_repetition(message):
    """PagerDuty's and Opsgenie's own keys are the alert's, unless the URL names one."""
    urls = {"dedup": "pagerduty://I@A", "alias": "opsgenie://aaaaaaaa"}
    for field, url in urls.items():
        service = service_of("pager", url)
        _carry(service, message)
        assert "a1" == getattr(service, field)
    service = service_of("pager", "pagerduty://I@A?dedup=mine")
    _carry(service, message)
    assert "mine" == service.dedup


@pytest.mark.parametrize(("status", "said"), [(500, "HTTP 500"), (0, "not accepted, or not reached")])
def test_a_failure_is_named_and_shows_nothing(web, message, logged, status, said):
    """The status is all that is kept of it; what Apprise logs about URLs goes nowhere."""
    web.statuses = [status] * 3
    with pytest.raises(Undelivered, match=f"^{said}$"):
        send("room", web.url.replace("http://", "mmost://") + f"/{CANARY}-{TOKEN}", message, timeout=5)
    assert CANARY not in logged()


def test_a_service_that_hangs_holds_nobody_for_long(stuck, message):
    """Silent or dripping."""
    with pytest.raises(Undelivered, match=r"no answer within 1.2 s|not reached"):
        send("room", f"mmost://127.0.0.1:{stuck}/{TOKEN}", message, timeout=0.2)
