"""A small REST system: customers in pages of two, orders below them, in each of the ways in which APIs differ."""

import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from shared.domain.identifier import EMAIL, Identifier, Subject
from shared.inventory import Client, System
from tests.webs import serving
from workers.connectors.http import CONNECTOR, HttpSettings

ADA = "ada@example.org"
SECRET = "s3cret-of-acme"
BASIC = {
    "system": "Shop",
    "auth": {"scheme": "bearer", "secret": "token"},
    "settles_within": "PT0.5S",
    "resources": {
        "customers": {
            "find": [
                {"by": "email", "method": "POST", "path": "/find", "json": {"mail": "{value}"}, "items": "data[]"}
            ],
            "read": {"path": "/customers/{id}"},
            "delete": {"path": "/customers/{id}"},
            "fields": {
                "mail": {"categories": ["user.contact.email"], "identity": "email"},
                "name": {"categories": ["user.name"]},
            },
        },
    },
}


def ada():
    """Return Ada."""
    return Subject(frozenset({Identifier(EMAIL, ADA)}), region="DE")


class Shop:
    """What the server holds, what it heard, and what it is told to answer instead."""

    def __init__(self) -> None:
        self.customers = {number: {"id": number, "mail": ADA, "name": "Ada"} for number in range(1, 6)}
        self.customers[6] = {"id": 6, "mail": "xada@example.org", "name": "Xada"}
        self.heard: list[tuple[str, str, dict[str, str]]] = []
        self.instead: list[Response] = []
        self.tokens = {SECRET}
        self.instead_of_a_token: Any = None
        self.given = 0
        self.jobs: dict[str, int] = {}  # how often each will still say that it runs
        self.started = 0
        self.ends = "finished"
        self.location = False
        self.stamped = False  # whether each answer differs
        self.url = ""
        self.app = FastAPI()
        self.app.middleware("http")(self._heard)
        self.app.add_api_route("/find", self.find, methods=["GET", "POST"])
        self.app.add_api_route("/token", self.token, methods=["POST"])
        self.app.add_api_route("/customers/{number}", self.customer, methods=["GET", "DELETE", "PATCH"])
        self.app.add_api_route("/erase/{number}", self.erase, methods=["POST"])
        self.app.add_api_route("/jobs/{job}", self.job)
        self.app.add_api_route("/dribble", self.dribble, methods=["POST"])

    def heard_at(self, path: str) -> list[dict[str, str]]:
        """Return the headers of the requests to a path."""
        return [headers for _, at, headers in self.heard if at == path]

    async def _heard(self, request: Request, answer: Any) -> Any:
        self.heard.append((request.method, request.url.path, dict(request.headers)))
        if request.url.path != "/token":
            if self.instead:
                return self.instead.pop(0)
            if request.headers.get("authorization") not in {f"Bearer {one}" for one in self.tokens}:
                return JSONResponse({"error": f"{ADA} is secret"}, 401)
        return await answer(request)

    async def find(self, request: Request, page: int = 1, cursor: str | None = None, after: int = 0) -> Any:
        """Search for a substring; two a page, with every way to go on in the answer."""
        mail = (await request.json())["mail"] if request.method == "POST" else request.query_params["mail"]
        found = [one for one in self.customers.values() if mail in (one["mail"] or "")]
        begin = int(cursor[1:]) if cursor else after or 2 * (page - 1)
        end = begin + 2
        more = {"next": f"c{end}" if end < len(found) else None}
        links = ['<https://elsewhere.example/first>; rel="first"']
        if end < len(found):
            links.append(f'</find?mail={mail}&after={end}>; rel="next"')
        stamp = {"seen": len(self.heard)} if self.stamped else {}
        data = [one | stamp for one in found[begin:end]]
        return JSONResponse({"data": data, "meta": more}, headers={"Link": ", ".join(links)})

    async def token(self, request: Request) -> Any:
        """Hand out a token for client credentials (RFC 6749 4.4)."""
        if self.instead_of_a_token:
            return self.instead_of_a_token
        form = (await request.body()).decode()
        basic = request.headers.get("authorization", "")
        in_body = "client_id=acme" in form and f"client_secret={SECRET}" in form
        if "grant_type=client_credentials" not in form or not (basic.startswith("Basic ") or in_body):
            return JSONResponse({"error": "invalid_client"}, 401)
        self.given += 1
        self.tokens = {f"token-{self.given}"}
        return {"access_token": f"token-{self.given}", "token_type": "bearer", "expires_in": 3600}

    async def customer(self, number: int, request: Request) -> Any:
        """Read, change or delete a customer."""
        if number not in self.customers:
            return JSONResponse({"error": f"no {number}"}, 404)
        if request.method == "DELETE":
            del self.customers[number]
            return Response(status_code=204)
        if request.method == "PATCH":
            self.customers[number] |= await request.json()
        return self.customers[number]

    def erase(self, number: int) -> Any:
        """Begin a job that deletes a customer."""
        self.started += 1
        job = f"j{number}"
        self.jobs[job] = 2
        headers = {"Location": f"/jobs/{job}"} if self.location else {}
        return JSONResponse({"job": {"id": job}}, 202, headers=headers)

    def job(self, job: str) -> Any:
        """Tell how far a job is; when it ends, it has done its work."""
        self.jobs[job] -= 1
        if self.jobs[job] > 0:
            return {"state": "running"}
        if self.ends == "finished":
            self.customers.pop(int(job[1:]), None)
        return {"state": self.ends}

    def dribble(self) -> Any:
        """Answer without an end."""

        def drops() -> Any:
            for _ in range(400):
                time.sleep(0.05)
                yield b" "

        return StreamingResponse(drops())


class Place:
    """A shop on a socket, and connectors to it."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop, self.folder, self.made = shop, folder, []

    def connector(self, definition=BASIC, *, credentials=None, **settings):
        """Return a connector by a definition."""
        self.folder.joinpath("shop.yaml").write_text(yaml.safe_dump(definition, sort_keys=False))
        system = System(
            id="shop", client="acme", channel="data-center", connector="http", region="country:DE", folder=self.folder
        )
        client = Client(name="Acme", country="DE", contact="privacy@acme.example")
        given = {"url": self.shop.url, "definition": "shop.yaml", "credentials": credentials or {"token": SECRET}}
        self.made.append(CONNECTOR(system, client, HttpSettings(**given | settings)))
        return self.made[-1]


@contextmanager
def shop(folder: Path):
    """Serve a shop; its connectors are closed afterwards."""
    made = Shop()
    with serving(made.app) as made.url:
        place = Place(made, folder)
        try:
            yield place
        finally:
            for one in place.made:
                one.close()
