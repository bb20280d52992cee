"""JSON webhooks on a real web server: the id, the payload, the status, and what fails."""

import base64

import pytest

from tests.workers.channels.conftest import CANARY
from workers.channels import Undelivered
from workers.channels.sending import send


def url(web, more=""):
    """Return a webhook's URL."""
    return web.url.replace("http://", "json://") + more


def test_a_post_bears_its_id_and_the_alerts(web, message):
    """The payload is Apprise's, and beside it stands what machines need; the answer is the status."""
    assert "HTTP 204" == send("omar", url(web, "/omar"), message, timeout=5)
    (heard,) = web.heard
    assert ("POST", "/omar", "b1") == (heard.method, heard.path, heard.headers["Idempotency-Key"])
    assert {
        "version": "1.0", "title": message.title, "message": message.text, "attachments": [], "type": "warning",
        "id": "b1", "link": None, "alerts": list(message.alerts),
    } == heard.json()  # fmt: skip


def test_what_apprise_lets_a_url_say_is_heeded(web, monkeypatch, message):
    """Login, headers, parameters, payload keys renamed, left out and added; secrets come from the environment."""
    monkeypatch.setenv("TOKEN", "t/o k&n")
    more = "/x?+X-Token=env%3ATOKEN&-q=1&:message=text&:attachments=&:team=desk&method=PUT"
    send("omar", url(web, more).replace("://", "://ines:env%3ATOKEN@"), message, timeout=5)
    (heard,) = web.heard
    assert ("PUT", "/x?q=1", "t/o k&n") == (heard.method, heard.path, heard.headers["X-Token"])
    assert "Basic " + base64.b64encode(b"ines:t/o k&n").decode() == heard.headers["Authorization"]
    found = heard.json()
    assert (message.text, "desk") == (found["text"], found["team"])
    assert not {"message", "attachments"} & found.keys()


@pytest.mark.parametrize("status", [302, 404, 500])
def test_all_but_success_is_a_failure(web, message, status):
    """A redirect is not followed: what is posted goes where the URL says, or nowhere."""
    web.statuses = [status]
    with pytest.raises(Undelivered, match=f"^HTTP {status}$"):
        send("omar", url(web, f"/{CANARY}"), message, timeout=5)
    assert 1 == len(web.heard)


def test_a_server_that_closes_or_is_not_there(web, message):
    """Its error is named, not its address."""
    web.statuses = [0]
    with pytest.raises(Undelivered, match=r"^not reached \(RemoteProtocolError\)$"):
        send("omar", url(web, f"/{CANARY}"), message, timeout=5)
    with pytest.raises(Undelivered, match=r"^not reached \(ConnectError\)$"):
        send("omar", f"json://127.0.0.1:1/{CANARY}", message, timeout=5)


def test_a_server_that_hangs_holds_nobody_for_long(stuck, message):
    """Silent or dripping: after the timeout and a second it is given up."""
    with pytest.raises(Undelivered, match=r"no answer within [01.25]+ s"):
        send("omar", f"json://127.0.0.1:{stuck}/{CANARY}", message, timeout=0.2)
