"""What a system answered, and what its refusals mean.

Nothing that an exception says comes from a URL, a body or an answer: identifiers stand in all three.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import loads
from typing import Any

import httpx

from shared.domain.errors import Final, Retryable
from workers.connectors.http.links import targets

LONGEST_WAIT = 86400.0
AGAIN = 5.0  # seconds, where the system does not say
GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that the caller deals with."""

    name: str
    status: int
    headers: httpx.Headers
    content: bytes
    url: httpx.URL

    def document(self) -> Any:
        """Return the JSON; Retryable if it is none: a page that says that they are at work, or an answer cut off."""
        try:
            return loads(self.content)
        except (ValueError, RecursionError):
            wrong = f"{self.name}: the answer is not JSON; if that stays so, correct `url` or the definition"
            raise Retryable(wrong, after=AGAIN) from None

    def links(self) -> dict[str, str]:
        """Return the targets of the Link header by their relation (RFC 8288); Final if it cannot be read."""
        try:
            return targets(self.headers.get("link", ""))
        except ValueError:
            what = "the Link header cannot be read, so the list may go on; correct `pages`"
            raise Final(f"{self.name}: {what}") from None


class Missing(Final):
    """There is nothing at a call's path."""


class Asked(Retryable):
    """The system itself says when to come again (RFC 9110 10.2.3)."""


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Turn what goes wrong on the way into our errors; theirs hold the URL."""
    try:
        yield
    except httpx.TimeoutException:
        raise Retryable(f"{name}: no answer in time", after=AGAIN) from None
    except httpx.TransportError as error:
        if _untrusted(error):
            raise Final(f"{name}: the system's TLS certificate is not trusted") from None
        raise Retryable(f"{name}: the system cannot be reached ({type(error).__name__})", after=AGAIN) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Final(f"{name}: the system cannot be understood ({type(error).__name__})") from None


def refusal(answer: Answer) -> Final | Retryable:
    """Say what a status means that is no success."""
    name, status = answer.name, answer.status
    if status in (401, 403):
        return Final(f"{name}: answered {status}; check `credentials` and their rights in that system")
    if 300 <= status < 400:
        return Final(f"{name}: answered {status}, a redirect, which is not followed; correct `url` or the path")
    if status in (408, 425, 429, 503):
        wait = retry_after(answer.headers.get("retry-after"), datetime.now(UTC))
        if wait is not None:
            return Asked(f"{name}: answered {status}", after=wait)
    if status in (408, 425, 429) or status >= 500:
        return Retryable(f"{name}: answered {status}", after=AGAIN)
    if status in GONE:
        return Missing(f"{name}: answered {status}, nothing is there; correct its path, `url` or `parameters`")
    return Final(f"{name}: answered {status}; correct the definition, or do it by hand and waive")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date; None if it says neither. At most a day."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value[:12]), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), LONGEST_WAIT)


def _untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
