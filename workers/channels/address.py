"""Apprise URLs: secrets by reference put in, read by Apprise, refused where a secret would travel in the clear."""

import os
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from apprise import Apprise, AppriseAsset
from apprise.plugins.email import NotifyEmail

from shared.domain.errors import UsageError
from shared.inventory import Credential, resolve
from shared.on_call.settings import Alerts

_ASSET = AppriseAsset(
    app_id="Rightsdesk", app_desc="Rightsdesk", app_url="", image_url_mask="", image_url_logo="",
    storage_mode="memory", async_mode=False,
)  # fmt: skip
_REFERENCE = re.compile(r"(env|vault)%3A([\w.-]+)", re.IGNORECASE)
_LOCAL = ("localhost", "127.0.0.1", "::1")


def scheme_of(url: str) -> str:
    """Return a URL's scheme."""
    return url.partition("://")[0].lower()


def resolved(url: str, environ: Mapping[str, str] = os.environ, credential: Credential | None = None) -> str:
    """Return a URL with its references read: `env:NAME` as the whole, `env%3ANAME` as a part of it; `vault` alike."""
    read = partial(resolve, environ=environ, credential=credential)
    return _REFERENCE.sub(lambda found: quote(str(read(f"{found[1].lower()}:{found[2]}")), safe=""), str(read(url)))


def service_of(
    name: str, url: str, environ: Mapping[str, str] = os.environ, credential: Credential | None = None
) -> Any:
    """Return what Apprise makes of a channel's URL; a UsageError names the channel, never the URL."""
    full = resolved(url, environ, credential)
    service = Apprise.instantiate(full, asset=_ASSET) or _with_sender(full)
    if service is None:
        raise UsageError(f"channel {name} has no URL that Apprise can read; see docs/alerts.md")
    if better := _in_the_clear(scheme_of(full), service):
        raise UsageError(f"channel {name} would send over an open line; write {better}:// in place of its scheme")
    return service


def _with_sender(url: str) -> Any:
    """Read a mail URL whose user and host make no address, such as ines at 127.0.0.1: the recipient is the sender."""
    if scheme_of(url) not in ("mailto", "mailtos"):
        return None
    read = NotifyEmail.parse_url(url)  # type: ignore[no-untyped-call]  # Apprise types its front only
    if not read or read.get("from_addr") or not read.get("targets"):
        return None
    return Apprise.instantiate(read | {"from_addr": read["targets"][0]}, asset=_ASSET)


def _in_the_clear(scheme: str, service: Any) -> str | None:
    """Name the scheme to be used instead, where what travels could be read or changed on its way."""
    if service.host in _LOCAL or scheme not in _schemes(service.protocol):
        return None
    if scheme == "mailto" and (service.secure_mode != "insecure" or not service.password):
        return None  # a provider that Apprise knows, or a relay without a login
    return next(iter(_schemes(service.secure_protocol)), None)


def _schemes(protocol: Any) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else tuple(protocol or ())


def check(alerts: Alerts, credential: Credential | None = None) -> list[str]:
    """Read every channel's URL once; a UsageError names the first that is wrong.

    Return a line for each whose reference is not set: that channel will fail, and messages go to the next.
    """
    unset = []
    for name, (_, url) in alerts.channels.items():
        try:
            full = resolved(url, credential=credential)
        except UsageError as error:
            unset.append(f"channel {name} takes no alerts: {error}")
        else:
            service_of(name, full)
    return unset
