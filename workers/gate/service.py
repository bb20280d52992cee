"""The gate over HTTP: `POST /v1/check`. Identifiers stand in bodies only, so that no access log ever holds one.

A client is known by its bearer token (`gate_tokens` in the inventory); its token answers for its own people alone.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Self

import structlog
from fastapi import FastAPI, Request, Response
from pydantic import Field, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.domain.errors import UsageError
from shared.domain.ticket import Slug, Strict, one_line
from shared.inventory import resolve
from shared.strict_json import read_json
from workers.gate import Gate, was_asked

log = structlog.get_logger()

_MOST_BYTES = 4096
_SHORTEST = 32  # characters of a token
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Question(Strict):
    """A body: a purpose and one identifier."""

    purpose: Slug
    email: Annotated[str, Field(max_length=320)] | None = None
    phone: Annotated[str, Field(max_length=64)] | None = None
    needs_consent: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.email is None) == (self.phone is None):
            raise ValueError("give email or phone, one of them")
        return self


def make_service(gate: Gate, *, slowest: float = 5.0) -> FastAPI:
    """Return the app; a UsageError if a token is not set, too short, or another client's too.

    `slowest` is how long a question may take to come, in seconds.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    tokens = _tokens(gate)

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> Response:
        return _json({"error": error.detail}, error.status_code, error.headers or {})

    @app.post("/v1/check")
    async def check(request: Request) -> Response:
        client = _client_of(tokens, request)
        if request.url.query:
            raise HTTPException(400, "put the question into the body: a URL is logged by whoever passes it on")
        question = _question(await _body(request.stream(), slowest))
        asked = await run_in_threadpool(gate.check, client=client, **question.model_dump())
        # a caller that looks at the status alone fails closed, too
        return _json({"answer": asked[0], "reason": asked[1]}, 200 if was_asked(asked) else 503, {})

    @app.get("/healthz")
    async def health() -> Response:
        return _json({"ok": True}, 200, {})

    return app


def _tokens(gate: Gate) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for name, client in gate.inventory.clients.items():
        for token in resolve(client.gate_tokens, credential=lambda name: gate.keys().credential(name)):
            if len(token) < _SHORTEST:
                raise UsageError(f"gate_tokens of client {name}: a token has at least {_SHORTEST} characters")
            if found.setdefault(_digest(token), name) != name:
                raise UsageError(f"gate_tokens of client {name}: another client has the same token")
    if not found:
        raise UsageError("no client has gate_tokens in the inventory: nobody could ask")
    return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def _client_of(tokens: dict[bytes, str], request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = _digest(token.strip())
    # all are compared, so that the time tells nothing
    known = [name for digest, name in tokens.items() if hmac.compare_digest(digest, given)]
    if scheme.lower() != "bearer" or not known:
        log.warning("gate.unauthorized")
        raise HTTPException(401, "no client has this token", {"WWW-Authenticate": "Bearer"})
    return known[0]


async def _body(stream: AsyncIterator[bytes], slowest: float) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(slowest):
            async for chunk in stream:
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise HTTPException(413, f"a question has at most {_MOST_BYTES} bytes")
    except TimeoutError:
        raise HTTPException(408, "the question came too slowly") from None
    except ClientDisconnect:  # else the server logs it as an error of ours
        raise HTTPException(400, "the question broke off") from None
    return body


def _question(body: bytes) -> Question:
    try:
        return Question.model_validate(read_json(body.decode()))
    except ValidationError as error:
        raise HTTPException(422, one_line(error)) from None
    except ValueError:
        raise HTTPException(400, "the question is not valid JSON") from None


def _json(content: dict[str, Any], status: int, headers: Any) -> Response:
    return Response(json.dumps(content), status, _HEADERS | dict(headers), "application/json")
