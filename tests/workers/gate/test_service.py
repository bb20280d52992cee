"""The gate over HTTP, served for real: tokens, bodies, and what it never writes down."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from shared.domain.errors import UsageError
from shared.inventory import Client, Inventory
from tests import small
from tests.small import ADA, BOB
from tests.waiting import until
from workers.embedded.parts import all_parts
from workers.gate import Gate
from workers.gate.service import make_service

TOKEN, NEXT = "t" * 40, "n" * 40
QUESTION = {"purpose": "direct-marketing", "email": ADA}


@contextmanager
def served(gate, **more):
    """Serve a gate; yield a client of it that has the token."""
    app = make_service(gate, **more)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def tokens():
    """The tokens that the inventory names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACME_GATE", TOKEN)
        patch.setenv("ACME_GATE_NEXT", NEXT)
        yield


@pytest.fixture(scope="module")
def service(line, tokens):
    """The service over the store."""
    with Gate(line.office.settings) as gate, served(gate) as client:
        yield client


def test_it_answers_as_the_gate_does(service):
    """With either of the client's tokens: one is replaced while the other still works."""
    for token in (TOKEN, NEXT):
        said = service.post("/v1/check", json=QUESTION, headers={"Authorization": f"Bearer {token}"})
        assert (200, {"answer": "deny", "reason": "objection"}) == (said.status_code, said.json())
    assert "no-store" == said.headers["cache-control"]
    assert "allow" == service.post("/v1/check", json=QUESTION | {"email": BOB}).json()["answer"]
    said = service.post("/v1/check", json=QUESTION | {"email": BOB, "needs_consent": True})
    assert (200, "unknown") == (said.status_code, said.json()["answer"])
    assert "unknown" == service.post("/v1/check", json=QUESTION | {"email": "nobody"}).json()["answer"]


@pytest.mark.parametrize("header", ["", "Bearer", f"Basic {TOKEN}", "Bearer " + "x" * 40, "Bearer \xff"])
def test_without_a_token_nothing_is_said(service, header):
    """The same for none, another scheme and another token."""
    said = service.post("/v1/check", json=QUESTION, headers={"Authorization": header.encode("latin-1")})
    assert (401, {"error": "no client has this token"}, "Bearer") == (
        said.status_code, said.json(), said.headers["www-authenticate"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"{", 400, "not valid JSON"),
        (b"\xff", 400, "not valid JSON"),
        (b"[" * 4000, 400, "not valid JSON"),
        (b"[]", 422, "ticket: "),
        (b'{"purpose": "x"}', 422, "give email or phone, one of them"),
        (b'{"purpose": "x", "email": "canary@example.org", "phone": "1"}', 422, "one of them"),
        (b'{"purpose": "x", "email": "canary@example.org", "who": 1}', 422, "who: unknown key"),
        (b'{"purpose": "x", "email": 5}', 422, "email: "),
        (b" " * 5000, 413, "at most 4096 bytes"),
    ],
)
def test_a_wrong_question_is_one_line(service, body, code, said):
    """It says what is wrong, and no value that was given."""
    found = service.post("/v1/check", content=body)
    assert code == found.status_code
    assert said in found.json()["error"]
    assert "canary" not in found.text


def test_an_identifier_in_a_url_is_refused(service):
    """It would be logged on its way; nor can it be asked for by GET."""
    assert 400 == service.post("/v1/check?email=x", json=QUESTION).status_code
    assert 405 == service.get("/v1/check").status_code
    assert 404 == service.get("/docs").status_code


def test_a_store_that_is_away_is_503(line, tokens):
    """Who looks at the status alone fails closed, too."""
    away = line.office.settings.model_copy(update={"database_url": "sqlite:////nowhere/x"})
    with Gate(away) as gate, served(gate) as client:
        said = client.post("/v1/check", json=QUESTION)
    assert (503, "unknown") == (said.status_code, said.json()["answer"])


def test_a_slow_question_is_given_up(line, tokens):
    """Its connection is not kept for who says half a question."""
    with (
        Gate(line.office.settings) as gate,
        served(gate, slowest=0.05) as client,
        socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as slow,
    ):
        head = f"POST /v1/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n{{"
        slow.sendall(head.encode())
        assert b" 408 " in slow.recv(100)


def test_a_question_that_breaks_off_is_no_error_of_ours(line, tokens):
    """Nothing is raised that the server would log with a traceback."""
    scope = {
        "type": "http", "method": "POST", "path": "/v1/check", "query_string": b"",
        "headers": [(b"authorization", f"Bearer {TOKEN}".encode())],
    }  # fmt: skip
    events, said = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}], []

    async def receive():
        return events.pop(0)

    async def send(event):
        said.append(event)

    with Gate(line.office.settings) as gate:
        asyncio.run(make_service(gate)(scope, receive, send))
    assert 400 == said[0]["status"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "nobody could ask"),
        (["short"], "at least 32 characters"),
        (["env:NOT_SET_HERE"], "the environment variable NOT_SET_HERE"),
        ([TOKEN], "another client has the same token"),
    ],
)
def test_tokens_are_looked_at_before_anything_is_served(line, given, said):
    """What is wrong is said at the start, without the token."""
    known = {"name": "Acme", "country": "DE", "contact": "x@y.example"}
    clients = {"acme": Client(**known, gate_tokens=given)}
    if given == [TOKEN]:
        clients["globex"] = Client(**known, gate_tokens=given)
    with (
        Gate(line.office.settings, inventory=Inventory(clients=clients)) as gate,
        pytest.raises(UsageError, match=said),
    ):
        make_service(gate)


def test_the_stack_has_it_where_a_client_has_a_token(line, tmp_path):
    """And nowhere else."""
    plain = line.office.settings.model_copy(update={"systems": small.build(tmp_path / "world").systems})
    parts = [{part.name for part in all_parts(one, 1, 1)} for one in (line.office.settings, plain)]
    assert {"gate"} == parts[0] - parts[1]
