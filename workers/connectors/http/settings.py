"""The kind's own keys in the inventory."""

from typing import Self

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

_LOCAL = ("localhost", "127.0.0.1", "::1")


class HttpSettings(BaseModel):
    """Where a system is, which definition says what it offers, and what opens it.

    `credentials` and `parameters` are what the definition asks for by name; `timeout` is in seconds; `datamap`, a
    Fideslang file, is what Art. 15(1) tells of the records. `insecure_http` allows a URL without TLS that leads
    beyond this machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    definition: str
    credentials: dict[str, SecretStr] = Field(default_factory=dict)
    parameters: dict[str, str] = Field(default_factory=dict)
    timeout: float = Field(default=30, gt=0, le=300)
    insecure_http: bool = False
    datamap: str | None = None

    @model_validator(mode="after")
    def _safe(self) -> Self:
        try:
            url = httpx.URL(self.url)
        except (httpx.InvalidURL, ValueError):
            raise ValueError("`url` is no URL") from None
        if url.userinfo or url.query or url.fragment:
            raise ValueError("`url` holds neither credentials nor a query; name them in `credentials`")
        if not is_safe(url, insecure=self.insecure_http):
            raise ValueError("`url` is not https; correct it, or say insecure_http = true")
        return self


def is_safe(url: httpx.URL, *, insecure: bool) -> bool:
    """Say whether credentials and personal data may go to a URL."""
    return bool(url.host) and (url.scheme == "https" or (url.scheme == "http" and (insecure or url.host in _LOCAL)))
