"""The page behind a one-time link, served for real: code, tries, expiry, once; and what it tells a browser."""

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import select, update

from shared.envelope import unseal_json
from shared.store.tables import DeliveryRow, TicketRow
from tests.waiting import until
from tests.workers.desk.jobs import Desk, mail_server
from workers.console import links
from workers.console.app import make_console
from workers.desk.deliver import link_code


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """Serve the console; yield its URL."""
    app = make_console(desk.made, desk.store, desk.vault)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    """A desk that has mailed a link to its package; `here.path` is the link's."""
    with mail_server() as (url, box):
        settings = {"smtp_url": url, "public_url": "https://rights.vendor.example"}
        desk = Desk(tmp_path, "access", client={"deliver": "link", "language": "de"}, settings=settings)
        chat = desk.exported("chat")
        chat.file("voice.wav", bytes(3_000_000))
        desk.register(chat, 15)
        desk.do("answer")
        desk.do("deliver", step=2)
        text = box.mails[0].get_content()
    desk.path = "/p/" + text.partition("/p/")[2].split()[0]
    yield desk
    desk.store.close()


def test_a_link_opens_on_either_database(any_database_url, tmp_path):
    """Codes are counted, links opened and packages listed in the same way on SQLite and on PostgreSQL."""
    with mail_server() as (url, _):
        settings = {"smtp_url": url, "public_url": "https://rights.vendor.example"}
        desk = Desk(tmp_path, "access", client={"deliver": "link"}, settings=settings, database=any_database_url)
        for _ in range(2):
            desk.do("answer")
            desk.do("deliver", step=2)
    with desk.store.read() as session:
        token = unseal_json(desk.key, session.scalars(select(DeliveryRow.sealed)).one(), aad=b"delivery")["token"]
    link = links.find(desk.store, desk.vault, token, now=datetime.now(UTC))
    assert link is not None
    assert links.open_with(desk.store, link, wrong(desk)) is None
    assert {"index.html", "letter.html", "letter.txt", "manifest.json"} == {
        one.name for one in links.open_with(desk.store, link, code_of(desk)) or ()
    }
    assert links.open_with(desk.store, link, code_of(desk)) is None
    desk.store.close()


@pytest.fixture
def browser(here: Desk) -> Iterator[httpx.Client]:
    """A browser at the console."""
    with served(here) as url, httpx.Client(base_url=url) as client:
        yield client


def code_of(desk: Desk) -> str:
    """The code that the client's agent reads out."""
    with desk.store.read() as session:
        code = link_code(session, desk.key, desk.ticket)
    assert code is not None
    return code


def wrong(desk: Desk) -> str:
    """A code that is not right."""
    return f"{(int(code_of(desk)) + 1) % 10**8:08}"


def change(desk: Desk, table=DeliveryRow, **values) -> None:
    """Change the delivery's row."""
    with desk.store.write() as session:
        session.execute(update(table).values(**values))


def row(desk: Desk) -> DeliveryRow:
    """The link's row."""
    with desk.store.read() as session:
        return session.scalars(select(DeliveryRow)).one()


def test_looking_does_not_use_the_link_up(here, browser):
    """Mail scanners that follow links see a form, in the person's language, and nothing is spent."""
    for _ in range(7):
        page = browser.get(here.path)
    assert 200 == page.status_code
    assert '<html lang="de">' in page.text
    assert '<label for="code">' in page.text
    assert (0, None) == (row(here).tries, row(here).opened_at)


def test_the_right_code_opens_the_package_once(here, browser):
    """The archive is whole; afterwards the link is dead, even with the right code."""
    code = code_of(here)
    answer = browser.post(here.path, data={"code": f"{code[:4]} {code[4:]}"})
    assert (200, "application/zip") == (answer.status_code, answer.headers["content-type"])
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert here.names() == set(archive.namelist())
    assert here.content("letter.html").encode() == archive.read("letter.html")
    assert [410, 410] == [browser.post(here.path, data={"code": code}).status_code, browser.get(here.path).status_code]


def test_five_wrong_codes_kill_the_link(here, browser):
    """Five tries, then not even the right code opens it."""
    answers = [browser.post(here.path, data={"code": wrong(here)}) for _ in range(5)]
    assert [403] * 5 == [one.status_code for one in answers]
    assert "nicht der richtige Code" in answers[0].text
    assert 410 == browser.post(here.path, data={"code": code_of(here)}).status_code


def test_the_fifth_try_may_be_right(here, browser):
    """Four mistakes are forgiven."""
    for _ in range(4):
        browser.post(here.path, data={"code": wrong(here)})
    assert 200 == browser.post(here.path, data={"code": code_of(here)}).status_code


def test_of_many_at_once_one_gets_it(here, browser):
    """The right code, sent ten times at once, opens the package once."""
    from concurrent.futures import ThreadPoolExecutor

    code = code_of(here)
    with ThreadPoolExecutor(10) as pool:
        found = list(
            pool.map(lambda _: browser.post(here.path, data={"code": code}, timeout=30).status_code, range(10))
        )
    assert 1 == found.count(200)
    assert {200, 403, 410} >= set(found)


@pytest.mark.parametrize(("days", "status"), [(13, 200), (15, 410)])
def test_links_end(here, browser, days, status):
    """A link lives fourteen days from its mail."""
    change(here, sent_at=datetime.now(UTC) - timedelta(days=days))
    assert status == browser.get(here.path).status_code
    assert status == browser.post(here.path, data={"code": code_of(here)}).status_code


def test_a_link_whose_ticket_is_forgotten_is_not_found(here, browser):
    """When the ticket's key is destroyed, its link leads nowhere."""
    change(here, TicketRow, wrapped_key=None)
    assert 404 == browser.get(here.path).status_code


def test_every_answer_keeps_to_itself(here, browser):
    """No cache, no referrer, no index, no script, no frame: on pages, archives and errors."""
    answers = [browser.get(here.path), browser.get("/nothing"), browser.post(here.path, data={"code": code_of(here)})]
    for answer in answers:
        assert "no-store" == answer.headers["cache-control"]
        assert "no-referrer" == answer.headers["referrer-policy"]
        assert "nosniff" == answer.headers["x-content-type-options"]
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in answers[0].text


def test_the_style_is_the_one_that_the_policy_allows(here, browser):
    """The hash in the policy is that of the style on the page."""
    import base64
    import hashlib

    page = browser.get(here.path)
    style = page.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/p/"), ("GET", "/p/short"),
        ("GET", "/p/" + "A" * 43), ("POST", "/p/" + "A" * 43), ("PUT", "/p/" + "A" * 43),
        ("GET", "/p/" + "A" * 43 + "/x"),
        ("GET", "/p/..%2f..%2fetc%2fpasswd"),
    ],
)  # fmt: skip
def test_all_else_is_not_there(browser, method, path):
    """Whatever is not a link is answered in one plain line."""
    answer = browser.request(method, path)
    assert answer.status_code in (404, 405)
    assert ("not found\n", "text/plain; charset=utf-8") == (answer.text, answer.headers["content-type"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"code=" + b"1" * 2000, 413),
        (b"", 403),
        (b"code=\xff", 400),
        (b"a=1&b=2&c=3&d=4&code=5", 400),
        (b"code=%FF%00", 403),
    ],
)
def test_bodies_are_small_and_plain(here, browser, body, status):
    """A large or malformed body is refused and breaks nothing."""
    assert status == browser.post(here.path, content=body).status_code


def test_a_body_without_length_is_cut_off(here, browser):
    """A body that is sent in pieces without end is not collected."""
    assert 413 == browser.post(here.path, content=(b"x" * 512 for _ in range(100))).status_code


def test_nothing_is_written_in_the_clear(here, browser, tmp_path):
    """While a package is handed out, nothing of it stands on the disk unencrypted."""
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with browser.stream("POST", here.path, data={"code": code_of(here)}) as answer:
        pieces = answer.iter_raw(1000)
        next(pieces)
        files = {path for path in tmp_path.rglob("*") if path.is_file()}
        list(pieces)
    assert {path.name for path in files - before} <= {"desk.sqlite3-wal", "desk.sqlite3-shm"}
