"""The pages behind a package's one-time link, which hands out the package, and behind an alert's link."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from shared.settings import Settings
from shared.store.session import Store
from shared.vault import Vault
from workers.console import alerts, links
from workers.console.alerts import AlertPage
from workers.console.links import Link
from workers.package import PackageStore, zipped

_MOST_BYTES = 1024
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 34rem; margin: 2rem auto; padding: 0 1rem; }
label { display: block; font-weight: 600; }
input, button { font: inherit; padding: .5rem .75rem; margin: .25rem 0 1rem; border: 1px solid #1a1a1a; border-radius: .25rem; }
button { background: #0b4f8a; color: #fff; }
:focus-visible { outline: 3px solid #d9822b; outline-offset: 2px; }
.wrong { border-left: 4px solid #a8201a; padding-left: .75rem; }
"""  # noqa: E501 - a rule a line
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def make_console(settings: Settings, store: Store, vault: Vault) -> FastAPI:
    """Return the app. Serve it without an access log: its paths hold tokens."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    packages = PackageStore(settings.package_url)
    find = partial(links.find, store, vault)

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> Response:
        return _plain("not found" if error.status_code in (404, 405) else "refused", error.status_code)

    @app.get("/p/{token}")
    async def ask(token: str) -> Response:
        link = await run_in_threadpool(find, _checked(token), now=datetime.now(UTC))
        if link is None:
            raise HTTPException(404)
        return _page(link.language, "gone", 410) if link.dead else _page(link.language, "ask", 200)

    @app.post("/p/{token}")
    async def hand_out(token: str, request: Request) -> Response:
        code = _code_in(await _body(request.stream()))
        link: Link | None = await run_in_threadpool(find, _checked(token), now=datetime.now(UTC))
        if link is None:
            raise HTTPException(404)
        if link.dead:
            return _page(link.language, "gone", 410)
        files = await run_in_threadpool(links.open_with, store, link, code)
        if files is None:
            return _page(link.language, "wrong", 403)
        name = f"attachment; filename=package-{link.ticket.hex[:8]}.zip"
        content = zipped(packages, link.ticket, link.key, files)
        return StreamingResponse(
            content, media_type="application/zip", headers=_HEADERS | {"Content-Disposition": name}
        )

    @app.get("/a/{token}")
    async def show_alert(token: str) -> Response:
        return _alert_page(await run_in_threadpool(alerts.look, store, vault, token, now=datetime.now(UTC)))

    @app.post("/a/{token}")
    async def acknowledge(token: str) -> Response:
        return _alert_page(await run_in_threadpool(alerts.press, store, vault, token, now=datetime.now(UTC)))

    return app


def _alert_page(page: AlertPage | None) -> Response:
    if page is None:
        raise HTTPException(404)
    template = _PAGES.get_template("en/alert.html.j2")
    made = template.render(lines=page.lines, open=page.open, person=page.person, style=_STYLE)
    return HTMLResponse(made, headers=_HEADERS)


def _checked(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise HTTPException(404)
    return token


async def _body(stream: AsyncIterator[bytes]) -> bytes:
    body = b""
    async for chunk in stream:
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413)
    return body


def _code_in(body: bytes) -> str:
    try:
        return parse_qs(body.decode("ascii"), max_num_fields=4).get("code", [""])[0]
    except ValueError:
        raise HTTPException(400) from None


def _page(language: str, state: str, status: int) -> Response:
    template: Any = _PAGES.select_template([f"{language.partition('-')[0].lower()}/link.html.j2", "en/link.html.j2"])
    return HTMLResponse(template.render(state=state, style=_STYLE), status, headers=_HEADERS)


def _plain(text: str, status: int) -> Response:
    return PlainTextResponse(text + "\n", status, headers=_HEADERS)
