"""Requests to one system: its calls filled in, its lists page by page, its credentials kept to its own host."""

import ssl
import time
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import httpx

from shared.domain.errors import Final, Retryable
from workers.connectors.http import template
from workers.connectors.http.answers import AGAIN, GONE, Answer, Asked, refusal, speaking
from workers.connectors.http.auth import Authorisation
from workers.connectors.http.definition import Call, Listing, Pages
from workers.connectors.http.pages import Step, Way
from workers.connectors.http.paths import elements, first
from workers.connectors.http.template import Values

_MOST_BYTES = 64 * 1024 * 1024
_LONGEST_ANSWER = 10  # times the timeout that each chunk has
_WAITED_FOR = 5.0  # seconds of Retry-After that a step sits out rather than begin again
_TRIES = 4
_NO_CONTENT = 204


class Gateway:
    """One system's door; it connects at the first call."""

    def __init__(
        self, url: str, authorisation: Authorisation, *, timeout: float, parameters: Mapping[str, str]
    ) -> None:
        self._base = httpx.URL(url)
        self._authorisation = authorisation
        self._timeout = timeout
        self._parameters = parameters
        self._client: httpx.Client | None = None

    def close(self) -> None:
        """Let go of connections and tokens."""
        self._authorisation.forget()
        if self._client is not None:
            self._client.close()
            self._client = None

    def call(
        self,
        name: str,
        call: Call,
        values: Values,
        *,
        accept: frozenset[int] = frozenset(),
        page: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """Make a call; return a success, or a status that the caller accepts."""
        try:
            return self._call(name, call, {**self._parameters, **values}, accept, page)
        except UnicodeEncodeError:  # half a character, which JSON can hold
            raise Final(f"{name}: a value that the system gave fits no request; do it by hand and waive") from None

    def _call(self, name: str, call: Call, filled: Values, accept: frozenset[int], page: Mapping[str, str]) -> Answer:
        query = {key: str(template.fill(value, filled)) for key, value in call.query.items()} | dict(page)
        target = template.fill_path(call.path, filled) + ("?" + str(httpx.QueryParams(query)) if query else "")
        url = self._base.copy_with(raw_path=self._base.raw_path.rstrip(b"/") + target.encode("ascii"))
        body = None if call.body is None else template.fill(call.body, filled)
        return self._send(name, call.method, url, body, accept)

    def listing(self, name: str, call: Listing, values: Values, id_at: str) -> Iterator[Any]:
        """Yield the elements of a list, page by page; Missing where there is no such place.

        It has ended when nothing leads on, or a page is empty (204, 404) where numbers lead on. A page that brings no
        new element (told by `id_at`) is no end: the system would be cut short in silence, or be asked for ever.
        """
        way = Way(call.pages, name)
        step: Step = (None, {})
        while True:
            ends = GONE if way.numbered and way.pages_read else frozenset()  # some say so of a page beyond the last
            url, page = step
            answer = (
                self._send(name, "GET", url, None, ends)
                if url
                else self.call(name, call, values, accept=ends, page=page)
            )
            if answer.status in ends:
                return
            beyond = answer.status == _NO_CONTENT and way.pages_read > 0
            document = None if beyond else answer.document()
            found = [] if beyond else elements(document, call.items)
            if found is None:
                raise Final(f"{name}: the answer has no list at `items`; correct the definition")
            at, step = step, self._next(call.pages, answer, document, way.pages_read + 1) if call.pages else (None, {})
            goes_on = way.goes_on([first(one, id_at) for one in found], at, step)
            yield from found
            if not goes_on:
                return

    def follow(self, answer: Answer) -> httpx.URL | None:
        """Return the answer's Location, on this system only."""
        location = answer.headers.get("location")
        return self._own(answer, location) if location else None

    def get(self, name: str, url: str, *, accept: frozenset[int] = frozenset()) -> Answer:
        """Read a URL that this system itself named."""
        return self._send(name, "GET", httpx.URL(url), None, accept)

    def _next(self, pages: Pages, answer: Answer, document: Any, number: int) -> Step:
        """Return the next page's URL, or what its query says; neither where the list has ended."""
        if pages.link:
            target = answer.links().get("next")
            return (None if target is None else self._own(answer, target)), {}
        if pages.page is not None:
            return None, {pages.page: str(pages.first + number)}
        cursor = first(document, pages.next or "")
        return None, {} if cursor in (None, "", False) else {pages.cursor or "": str(cursor)}

    def _own(self, answer: Answer, target: str) -> httpx.URL:
        """Resolve a URL that an answer names; credentials never leave for another host."""
        try:
            url = answer.url.join(target)
        except httpx.InvalidURL:
            raise Final(f"{answer.name}: the answer leads to what is no URL") from None
        if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port):
            raise Final(f"{answer.name}: the answer leads to another host; it is not followed")
        return url.copy_with(userinfo=b"")  # what stands there would replace our own credentials

    def _send(self, name: str, method: str, url: httpx.URL, body: Any, accept: frozenset[int]) -> Answer:
        for _ in range(_TRIES - 1):
            try:
                return self._once(name, method, url, body, accept)
            except Asked as error:
                if error.after > _WAITED_FOR:
                    raise
                time.sleep(error.after)
        return self._once(name, method, url, body, accept)

    def _once(self, name: str, method: str, url: httpx.URL, body: Any, accept: frozenset[int]) -> Answer:
        answer = self._exchange(name, method, url, body)
        if answer.status == 401 and self._authorisation.forget():  # a token may end before its time
            answer = self._exchange(name, method, url, body)
        if answer.status in accept or 200 <= answer.status < 300:
            return answer
        raise refusal(answer)

    def _exchange(self, name: str, method: str, url: httpx.URL, body: Any) -> Answer:
        with speaking(name):
            headers = {"Accept": "application/json", **self._authorisation.headers(self._http(), self._base)}
            json = {} if body is None else {"json": body}
            started = time.monotonic()
            with self._http().stream(method, url, headers=headers, **json) as response:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > _MOST_BYTES:
                        raise Final(f"{name}: the answer is larger than {_MOST_BYTES >> 20} MiB")
                    if time.monotonic() - started > _LONGEST_ANSWER * self._timeout:
                        raise Retryable(f"{name}: the answer did not end in time", after=AGAIN)
                return Answer(name, response.status_code, response.headers, bytes(content), url)

    def _http(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(verify=_certificates(), timeout=self._timeout, follow_redirects=False)
        return self._client


@cache
def _certificates() -> ssl.SSLContext:
    """Return whom we trust, read once a process: it takes as long as a step's requests."""
    return httpx.create_ssl_context()
