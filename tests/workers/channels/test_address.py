"""Channels' URLs: references read, wrong ones named by their channel, none that would send a secret in the clear."""

import pytest

from shared.domain.errors import UsageError
from shared.on_call.settings import Alerts
from workers.channels.address import check, resolved, service_of

SECRET = {"TOKEN": "canary@secret/:%"}


def test_references_are_read_as_the_whole_and_as_a_part():
    """A part is escaped, so that a password may hold any character."""
    assert "json://localhost/x" == resolved("env:HOOK", {"HOOK": "json://localhost/x"})
    assert "json://a:canary%40secret%2F%3A%25@localhost" == resolved("json://a:env%3aTOKEN@localhost", SECRET)
    assert SECRET["TOKEN"] == service_of("x", "json://a:env%3ATOKEN@localhost", SECRET).password
    kept = {"acme-hook": SECRET["TOKEN"], "whole": "json://localhost/y"}.__getitem__
    assert SECRET["TOKEN"] == service_of("x", "json://a:vault%3Aacme-hook@localhost", credential=kept).password
    assert "json://localhost/y" == resolved("vault:whole", credential=kept)


def test_a_published_example_mails_to_its_recipient():
    """A user at an address of this machine makes no sender; the recipient is one."""
    found = service_of("ines", "mailto://ines:env%3ATOKEN@127.0.0.1:2525?to=ines@vendor.example", SECRET)
    assert ("127.0.0.1", 2525, SECRET["TOKEN"]) == (found.smtp_host, found.port, found.password)
    assert "ines@vendor.example" == found.from_addr[1]


@pytest.mark.parametrize(
    "url", ["", "canary", "canary://x", "file:///etc/passwd", "slack://canary", "pagerduty://canary", "mailto://canary"]
)
def test_what_apprise_cannot_read_is_named_by_its_channel(url, logged):
    """The URL is not quoted: it may hold a secret."""
    with pytest.raises(UsageError, match=r"^channel ines has no URL that Apprise can read; see docs/alerts\.md$"):
        service_of("ines", url)
    assert "canary" not in logged()


@pytest.mark.parametrize(
    ("url", "better"),
    [
        ("json://bridge.example/x", "jsons"),
        ("form://bridge.example/x", "forms"),
        ("mmost://chat.example/3ccdd113474722377935511fc85d3dd4", "mmosts"),
        ("mailto://ines:pw@mail.example?to=x@y.example", "mailtos"),
    ],
)
def test_nothing_goes_over_an_open_line(url, better):
    """A link that acknowledges, or a password, could be read on its way; on this machine it may be plain."""
    with pytest.raises(UsageError, match=f"write {better}:// in place"):
        service_of("x", url)
    host = url.partition("?")[0].split("/")[2].rpartition("@")[2]
    service_of("x", url.replace(host, "127.0.0.1"))
    service_of("x", url.replace(url.partition(":")[0], better))


def test_a_relay_without_a_login_may_be_plain():
    """There is nothing to be read but the mail, as on any mail's way."""
    service_of("x", "mailto://relay.example?to=x@y.example&from=desk@y.example")


def test_a_check_reads_every_channel():
    """The first that is wrong is named; a variable that is not set is that channel's failure, later."""
    said = "takes no alerts: the environment variable NOT_SET, named in the inventory, is not set"
    found = check(Alerts(people={"ines": ("json://localhost/env%3ANOT_SET", "env:NOT_SET", "json://localhost")}))
    assert [f"channel ines.1 {said}", f"channel ines.2 {said}"] == found
    with pytest.raises(UsageError, match=r"channel omar\.2 has no URL"):
        check(Alerts(people={"ines": ("json://localhost",), "omar": ("json://localhost", "nothing")}))
