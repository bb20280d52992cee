"""The HTTP connector against a REST system on a real socket: credentials, pages, limits, jobs, and what goes wrong."""

import socket
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import ValidationError

from shared.domain.errors import Final, Retryable, RightsdeskError, UsageError, Waiting
from shared.domain.identifier import Subject, normalise
from shared.ports import verbs_of
from shared.testing import Desk
from tests.workers.connectors.rest import ADA, BASIC, SECRET, ada, shop
from workers.connectors.http import CONNECTOR, HttpSettings


@pytest.fixture
def place(tmp_path):
    """A shop and connectors to it."""
    with shop(tmp_path) as made:
        yield made


def changed(path, value):
    """Return the basic definition with something else at a dotted path."""
    definition = deepcopy(BASIC)
    *above, name = path.split(".")
    node = definition
    for one in above:
        node = node[int(one) if one.isdigit() else one]
    node[int(name) if name.isdigit() else name] = value
    return definition


FIND = "resources.customers.find.0"
GET = {"method": "GET", "query": {"mail": "{value}"}, "pages": {"link": True}}


def located(place, definition=BASIC, **how):
    """Return the numbers of the customers that are noted."""
    desk = Desk(ada())
    place.connector(definition, **how).locate(desk.work())
    return [int(one.key.strip('["]')) for one in desk.found()]


@pytest.mark.parametrize(
    "pages",
    [{"page": "page"}, {"cursor": "cursor", "next": "meta.next"}, {"link": True}, {"page": "page", "first": 1}],
    ids=["page", "cursor", "link", "first"],
)
def test_every_page_is_read(place, pages):
    """By number, by cursor and by Link header all five are found, Xada by none; two are the first page."""
    assert [1, 2] == located(place)
    definition = changed(f"{FIND}.pages", pages)
    if "link" in pages:
        definition["resources"]["customers"]["find"][0] |= GET
    assert [1, 2, 3, 4, 5] == located(place, definition)


def test_a_list_that_does_not_go_on_is_not_taken_for_whole(place):
    """A server that ignores the page number gives the same page for ever, perhaps with another time in it."""
    definition = changed(f"{FIND}.pages", {"page": "ignored"})
    place.shop.stamped = True
    with pytest.raises(Final, match=r"customers\.find by email: a page brings nothing new"):
        located(place, definition)
    assert 3 == len(place.shop.heard_at("/find"))  # one more: it might be records that were pushed on
    definition["resources"]["customers"]["find"][0]["pages"]["repeats"] = True
    assert [1, 2] == located(place, definition)


def listed(ids, cursor=None, link=None):
    """Return a page with a cursor and a Link header."""
    data = [{"id": one, "mail": ADA} for one in ids]
    return JSONResponse({"data": data, "meta": {"next": cursor}}, headers={"Link": link} if link else {})


BY_CURSOR = changed(f"{FIND}.pages", {"cursor": "cursor", "next": "meta.next"})


def test_a_cursor_that_stays_the_same_leads_on(place):
    """Where the server keeps the place itself, its cursor is one for all pages; an empty page may stand between."""
    place.shop.instead += [listed([1, 2], "same"), listed([], "same"), listed([3, 4], "same"), listed([5])]
    assert [1, 2, 3, 4, 5] == located(place, BY_CURSOR)


BY_LINK = changed(FIND, {**BASIC["resources"]["customers"]["find"][0], **GET})
BY_NUMBER = changed(f"{FIND}.pages", {"page": "page"})
NOTHING, NOT_FOUND = Response(status_code=204), JSONResponse({"error": "no such page"}, 404)


@pytest.mark.parametrize(
    ("definition", "answers"),
    [
        (BY_CURSOR, [listed([1, 2], "a"), listed([2])]),
        (BY_LINK, [listed([1, 2], link="</find?mail=x&after=2>; rel=next"), listed([2])]),
        (BY_CURSOR, [listed([1, 2], "2"), listed([], "2"), listed([], "2")]),
        (BY_CURSOR, [listed([1, 2], "2"), NOTHING]),
        (BY_LINK, [listed([1, 2], link="</find?mail=x&after=2>; rel=next"), NOTHING]),
        *((BY_NUMBER, [listed([1, 2]), end]) for end in (listed([]), NOTHING, NOT_FOUND)),
        *((BY_NUMBER, [listed([1, 2]), listed([2]), end]) for end in (listed([]), NOTHING, NOT_FOUND)),
        (BY_NUMBER, [listed([1]), listed([1]), listed([2]), listed([2]), listed([])]),
    ],
)  # fmt: skip
def test_a_list_ends_where_the_system_says_so(place, definition, answers):
    """Nothing leads on, a cursor leads nowhere, a page is empty, though records were pushed on while it was read."""
    place.shop.instead += answers
    assert [1, 2] == located(place, definition)
    assert not place.shop.instead
    assert len(answers) == len(place.shop.heard_at("/find"))


@pytest.mark.parametrize("first_page", [NOTHING, NOT_FOUND])
def test_a_list_that_is_not_there_is_not_taken_for_empty(place, first_page):
    """What ends a list does not stand in its place."""
    place.shop.instead.append(first_page)
    with pytest.raises((Final, Retryable), match=r"customers\.find by email: "):
        located(place, BY_NUMBER)


@pytest.mark.parametrize("ids", [[1], []])
def test_a_list_that_never_ends(place, ids):
    """Cursors that are always new, with nothing new behind them, end the step and not the worker."""
    place.shop.instead += [listed(ids, f"c{number}") for number in range(1100)]
    with pytest.raises(Final, match=r"customers\.find by email: (a page brings nothing new|the list does not end)"):
        located(place, BY_CURSOR)
    assert len(place.shop.heard_at("/find")) <= 1001


@pytest.mark.parametrize(
    "parameters",
    ['rel="next prev"', "REL=next", 'title="a, b; rel=\\"x\\""; rel=next', "rel=NEXT", 'rel="last" , </x>; rel="next"',
     "rel = next;", "rel=next; rel=prev", "rel=next; foo", "foo; rel=next", "title=all of them; rel=next"],
)  # fmt: skip
def test_a_link_header_is_read_as_its_standard_says(place, parameters):
    """Several relation types, names in any case, quoted commas, blanks: the next page is found (RFC 8288 3)."""
    definition = changed(FIND, {**BASIC["resources"]["customers"]["find"][0], **GET})
    parameters = parameters.replace("</x>", "</find?mail=none&after=0>")
    place.shop.instead += [listed([1], link=f"</find?mail=x>; {parameters}"), listed([2])]
    assert [1, 2] == located(place, definition)


def test_a_link_to_itself_is_no_end(place):
    """A next page that is the same one brings nothing new."""
    place.shop.instead += [listed([1], link="<>; rel=next")] * 2
    with pytest.raises(Final, match="a page brings nothing new"):
        located(place, changed(FIND, {**BASIC["resources"]["customers"]["find"][0], **GET}))


def test_a_link_header_that_nobody_can_read(place):
    """What may lead on and cannot be read is not the end of a list."""
    place.shop.instead.append(listed([1], link='/find?page=2; rel="next"'))
    with pytest.raises(Final, match="the Link header cannot be read"):
        located(place, changed(FIND, {**BASIC["resources"]["customers"]["find"][0], **GET}))


def test_a_link_brings_no_credentials_of_its_own(place):
    """What stands before the host in an answer's URL does not replace what the inventory says."""
    host = place.shop.url.removeprefix("http://")
    place.shop.instead += [listed([1], link=f"<http://user:pw@{host}/find?mail=x>; rel=next"), listed([2])]
    definition = changed(FIND, {**BASIC["resources"]["customers"]["find"][0], **GET})
    assert [1, 2] == located(place, definition)
    assert {f"Bearer {SECRET}"} == {one["authorization"] for one in place.shop.heard_at("/find")}


def test_a_link_to_another_host_is_not_followed(place):
    """Where the next page is elsewhere the step fails, and no credential leaves."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.3)
        target = f'<http://127.0.0.1:{other.getsockname()[1]}/steal>; rel="next"'
        place.shop.instead.append(JSONResponse({"data": []}, headers={"Link": target}))
        with pytest.raises(Final, match=r"customers\.find by email: the answer leads to another host"):
            located(place, changed(FIND, {**BASIC["resources"]["customers"]["find"][0], **GET}))
        with pytest.raises(TimeoutError):
            other.accept()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(place, status):
    """A redirect to another host gets no request and no credential."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.3)
        place.shop.instead.append(RedirectResponse(f"http://127.0.0.1:{other.getsockname()[1]}/", status))
        with pytest.raises(Final, match=f"answered {status}, a redirect"):
            located(place)
        with pytest.raises(TimeoutError):
            other.accept()


OAUTH = {"scheme": "oauth2", "token_path": "/token", "client_id": "id", "client_secret": "secret", "scope": "gdpr"}
KEYS = {"id": "acme", "secret": SECRET}


@pytest.mark.parametrize("style", ["basic", "body"])
def test_client_credentials(place, style):
    """A token is fetched once, used for all calls, and fetched anew when the system no longer takes it."""
    definition = changed("auth", OAUTH | {"style": style})
    definition["resources"]["customers"]["find"][0]["pages"] = {"page": "page"}
    connector = place.connector(definition, credentials=KEYS)
    for _ in range(2):
        connector.locate(Desk(ada()).work())
    assert 1 == place.shop.given
    place.shop.tokens.clear()
    connector.locate(Desk(ada()).work())
    assert 2 == place.shop.given


def test_wrong_client_credentials(place):
    """A refused secret is final; the error says neither it nor what the server says."""
    definition = changed("auth", OAUTH | {"style": "body"})
    with pytest.raises(Final, match="the token call: answered 401; check `credentials`") as error:
        located(place, definition, credentials={"id": "acme", "secret": "wrong"})
    assert "wrong" not in str(error.value)


@pytest.mark.parametrize("token", ["s\u00e9cret", "secret\n", "se\rcret", "se\x00cret"])
def test_a_token_that_no_header_can_hold(place, token):
    """It stops the start, and no sign of it is said; nor of one that a token call gives."""
    with pytest.raises(UsageError, match=r"^credentials token: it holds a sign that no header can; copy it anew$"):
        place.connector(credentials={"token": token})
    place.shop.instead_of_a_token = {"access_token": token}
    with pytest.raises(Final, match=r"^the token call: the access_token holds a sign that no header can$"):
        located(place, changed("auth", OAUTH), credentials=KEYS)


@pytest.mark.parametrize("lasts", ["null", "NaN", '"3600"'])
def test_a_token_may_last_without_saying_how_long(place, lasts):
    """A null, or no number, is what no word at all would be: an hour."""
    place.shop.tokens = {"t"}
    place.shop.instead_of_a_token = Response(f'{{"access_token": "t", "expires_in": {lasts}}}')
    assert [1, 2] == located(place, changed("auth", OAUTH), credentials=KEYS)


def test_a_header_of_ones_own(place):
    """Any header may carry the key."""
    definition = changed("auth", {"scheme": "header", "name": "Authorization", "secret": "token"})
    assert [1, 2] == located(place, definition, credentials={"token": f"Bearer {SECRET}"})


def limited(status, value):
    """Return an answer that asks to come again later."""
    return JSONResponse({"error": ADA}, status, headers={"Retry-After": value})


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_rate_limit_is_sat_out(place, status):
    """Nothing begins again for a second's wait."""
    place.shop.instead += [limited(status, "0"), limited(status, "1")]
    assert [1, 2] == located(place)


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_rate_limit_holds_no_worker(place, status):
    """The step is tried again when the system says: after seconds, or at a date."""
    at = datetime.now(UTC) + timedelta(seconds=600)
    for value in ("600", format_datetime(at, usegmt=True)):
        place.shop.instead.append(limited(status, value))
        with pytest.raises(Retryable, match=f"answered {status}$") as error:
            located(place)
        assert 595 < error.value.after <= 600


@pytest.mark.parametrize(
    ("status", "family"),
    [(400, Final), (401, Final), (403, Final), (404, Final), (409, Final), (429, Retryable), (500, Retryable),
     (502, Retryable), (503, Retryable)],
)  # fmt: skip
def test_each_status_has_its_family(place, status, family):
    """What may pass is tried again, what will not is for a person; a search that is nowhere never finds nothing."""
    place.shop.instead.append(JSONResponse({"error": f"{ADA} {SECRET}"}, status))
    with pytest.raises(RightsdeskError, match=rf"customers\.find by email: answered {status}") as error:
        located(place)
    assert isinstance(error.value, family)
    assert_says_nothing(error.value)


def assert_says_nothing(error):
    """Neither the text nor a chained exception holds an identifier, a secret or a URL."""
    assert not any(one in str(error) for one in (ADA, "example.org", SECRET, "http://", "127.0.0.1"))
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Response(b"<html>ada@example.org</html>", media_type="text/html"), "is not JSON"),
        (Response(b'{"data": [{"id": 1, "mail": "ada@exam'), "is not JSON"),
        (Response(b"[" * 100_000), "is not JSON"),
        (JSONResponse({"items": [{"mail": ADA}]}), "has no list at `items`"),
        (JSONResponse({"data": {"mail": ADA}}), "has no list at `items`"),
        (JSONResponse({"data": None}), "has no list at `items`"),
        (JSONResponse({"data": [{"mail": ADA}]}), "an element has no id"),
        (JSONResponse({"data": ["ada@example.org"]}), "an element has no id"),
        (Response(status_code=204), "is not JSON"),
    ],
)
def test_rubbish_is_never_nothing_found(place, answer, says):
    """An answer that is not what the definition says names the call and quotes nothing; what is no JSON may pass."""
    place.shop.instead.append(answer)
    with pytest.raises(RightsdeskError, match=rf"customers\.find by email: .*{says}") as error:
        located(place)
    assert isinstance(error.value, Retryable if says == "is not JSON" else Final)
    assert_says_nothing(error.value)


def test_nobody_listens(place):
    """A refused connection is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Retryable, match="cannot be reached") as error:
        located(place, url=f"http://127.0.0.1:{port}")
    assert_says_nothing(error.value)


def test_someone_who_does_not_answer(place):
    """Silence is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(Retryable, match="no answer in time") as error:
            located(place, url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
        assert_says_nothing(error.value)


def test_an_answer_that_does_not_end(place):
    """An answer that comes in drops is given up as a whole."""
    with pytest.raises(Retryable, match="did not end in time"):
        located(place, changed(f"{FIND}.path", "/dribble"), timeout=0.1)


def test_a_server_without_a_trusted_certificate(place):
    """TLS is verified: what speaks something else is not spoken to."""
    with pytest.raises(Retryable, match="cannot be reached"):
        located(place, url=place.shop.url.replace("http://", "https://"))


def test_already_gone_is_success(place):
    """A record that somebody else deleted meanwhile counts as erased: 404 and 410."""
    desk, connector = Desk(ada()), place.connector()
    connector.locate(desk.work())
    place.shop.instead.append(Response(status_code=410))
    del place.shop.customers[2]
    assert {"customers": {"erased": 2}} == connector.delete(desk.work()).counts


def test_a_read_that_is_wrong_is_found_out_before_it_proves_anything(place):
    """A path at which nothing is would answer 404 to the second look: it is tried on what was just listed."""
    with pytest.raises(Retryable, match=r"customers\.read: a record that was just listed cannot be read"):
        located(place, changed("resources.customers.read.path", "/clients/{id}"))


JOB = {"method": "POST", "path": "/erase/{id}"}
BY_ID = {"id": "job.id", "path": "/jobs/{job}", "state": "state", "done": ["finished"], "failed": ["broken"]}
BY_LOCATION = {"state": "state", "done": ["finished"], "failed": ["broken"]}


@pytest.mark.parametrize("job", [BY_ID, BY_LOCATION], ids=["id", "location"])
def test_a_job_is_seen_through(place, job):
    """A deletion that is a job counts when the job has ended."""
    place.shop.location = True
    connector = place.connector(changed("resources.customers.delete", JOB | {"job": job}))
    desk = Desk(ada())
    connector.locate(desk.work())
    assert {"customers": {"erased": 2}} == connector.delete(desk.work()).counts
    assert {3, 4, 5, 6} == set(place.shop.customers)


def test_a_job_that_fails(place):
    """What the system says failed is for a person."""
    place.shop.ends = "broken"
    connector = place.connector(changed("resources.customers.delete", JOB | {"job": BY_ID}))
    desk = Desk(ada())
    connector.locate(desk.work())
    with pytest.raises(Final, match=r"customers\.delete\.job: the system says that it failed"):
        connector.delete(desk.work())


@pytest.mark.parametrize(("answer", "says"), [({}, Final), ({"state": None}, Waiting)])
def test_a_job_without_a_state(place, answer, says):
    """A state that is not where the definition says is told at once; a null is a state."""
    connector = place.connector(changed("resources.customers.delete", JOB | {"job": BY_ID}))
    desk = Desk(ada())
    connector.locate(desk.work())
    place.shop.instead += [JSONResponse({"job": {"id": "j1"}}, 202), *([JSONResponse(answer)] * 9)]
    with pytest.raises(says, match=r"customers\.delete\.job"):
        connector.delete(desk.work())


def test_what_cannot_be_searched_is_said(place):
    """Records bear numbers, no call finds them by one: for a ticket that names a number that is a residual."""
    connector = place.connector(changed("resources.customers.fields.tel", {"identity": "phone_number"}))
    assert 0 == connector.locate(Desk(ada()).work()).total("residual")
    by_number = Subject(ada().given | {normalise("phone_number", "+4930123456")}, region="DE")
    outcome = connector.locate(Desk(by_number).work())
    assert {"customers": {"found": 2, "residual": 1}} == outcome.counts
    assert ["the system has no search by phone_number: look by hand"] == [one.ground for one in outcome.reasons]
    assert ["customers.find"] == [one.place for one in connector.check() if one.severity == "note"][:1]


def test_a_job_that_takes_long_is_begun_once(place):
    """The step waits without a worker, and its next attempt asks for the job that the first one began."""
    place.shop.ends = "running"
    connector = place.connector(changed("resources.customers.delete", JOB | {"job": BY_ID}))
    desk, cursor = Desk(ada()), []
    connector.locate(desk.work())
    with pytest.raises(Waiting, match=r"customers\.delete\.job is not over yet"):
        connector.delete(replace(desk.work(), checkpoint=cursor.append))
    assert 1 == place.shop.started
    place.shop.ends = "finished"
    again = replace(desk.work(), cursor=cursor[-1], now=desk.now + timedelta(seconds=5))
    assert {"customers": {"erased": 2}} == connector.delete(again).counts
    assert 2 == place.shop.started  # the other customer's
    cursor.clear()


def test_a_job_that_never_ends(place):
    """After the time that the definition allows it is for a person."""
    place.shop.ends = "running"
    connector = place.connector(changed("resources.customers.delete", JOB | {"job": BY_ID | {"within": "PT0.3S"}}))
    desk = Desk(ada())
    connector.locate(desk.work())
    with pytest.raises(Final, match=r"customers\.delete\.job: not done in time"):
        connector.delete(desk.work())


def test_capability_is_what_the_definition_has_calls_for(place):
    """A system has the verbs of its definition: no more, and the instance lacks the others."""
    no_delete = deepcopy(BASIC)
    del no_delete["resources"]["customers"]["delete"]
    assert {"locate", "export", "absent", "delete"} == verbs_of(place.connector())
    connector = place.connector(no_delete)
    assert {"locate", "export", "absent"} == verbs_of(connector)
    assert getattr(connector, "delete", None) is None
    everything = deepcopy(BASIC)
    customers = everything["resources"]["customers"]
    customers |= {
        "patch": {"path": "/customers/{id}"}, "restrict": {"blocked": True},
        "list": {"path": "/customers", "items": "data[]"},
    }  # fmt: skip
    expected = {"locate", "export", "absent", "delete", "mask", "rectify", "restrict", "lift", "subjects"}
    assert expected == verbs_of(place.connector(everything))


def test_a_mark_that_stood_before_is_put_back(place):
    """Lifting a restriction leaves the block that the client had set itself, also after a crash half-way."""
    definition = deepcopy(BASIC)
    definition["resources"]["customers"] |= {"patch": {"path": "/customers/{id}"}, "restrict": {"blocked": True}}
    place.shop.customers[1]["blocked"] = True
    place.shop.customers[2]["blocked"] = False
    connector, desk, cursor = place.connector(definition), Desk(ada()), []
    connector.locate(desk.work())
    notes = list(desk.notes)
    connector.restrict(replace(desk.work(), checkpoint=cursor.append))
    desk.notes[:] = notes  # the worker died before its notes were stored
    connector.restrict(replace(desk.work(), cursor=cursor[-1]))
    connector.locate(desk.work())  # a search in between forgets nothing
    assert 0 == connector.absent(desk.work(act="restrict")).total("hit")
    connector.lift(desk.work())
    assert (True, False) == (place.shop.customers[1]["blocked"], place.shop.customers[2]["blocked"])
    assert 0 == connector.absent(desk.work(act="lift")).total("hit")


def test_what_bears_no_mark_is_counted(place):
    """A resource without a mark rests by the gate alone, and says of how many records."""
    definition = deepcopy(BASIC)
    customers = definition["resources"]["customers"]
    customers |= {"patch": {"path": "/customers/{id}"}, "restrict": {"blocked": True}}
    definition["resources"]["guests"] = deepcopy(customers | {"restrict": {}})
    connector, desk = place.connector(definition), Desk(ada())
    connector.locate(desk.work())
    outcome = connector.restrict(desk.work())
    assert {"customers": {"restricted": 2}, "guests": {"residual": 2}} == outcome.counts


@pytest.mark.parametrize("stands", ["udo@bücher.example", "udo@xn--bcher-kva.example"])
def test_an_internationalised_address_is_sought_in_both_spellings(place, stands):
    """As people write it and as mail servers do: the system compares letters."""
    place.shop.customers = {1: {"id": 1, "mail": stands, "name": "Udo"}}
    desk = Desk(Subject(frozenset({normalise("email", "udo@bücher.example")})))
    place.connector().locate(desk.work())
    assert ['["1"]'] == [one.key for one in desk.found()]


def test_a_value_of_someone_else_is_not_rectified(place):
    """An address that is not known as hers stays, whatever the record is hers by."""
    definition = deepcopy(BASIC)
    customers = definition["resources"]["customers"]
    customers["patch"] = {"path": "/customers/{id}"}
    customers["fields"]["copy_to"] = {"categories": ["user.contact.email"], "identity": "email", "widen": False}
    place.shop.customers[1]["copy_to"] = "bob@example.org"
    desk, connector = Desk(ada()), place.connector(definition)
    connector.locate(desk.work())
    changes = {"user.contact.email": "new@example.org"}
    assert {"customers": {"rectified": 2}} == connector.rectify(desk.work(changes=changes)).counts
    assert ("new@example.org", "bob@example.org") == (
        place.shop.customers[1]["mail"], place.shop.customers[1]["copy_to"],
    )  # fmt: skip
    assert 0 == connector.absent(desk.work(act="rectify", changes=changes)).total("hit")


def test_what_cannot_be_masked_is_said(place):
    """A mask that has no call for a resource counts it as failed."""
    definition = deepcopy(BASIC)
    definition["resources"]["customers"]["patch"] = {"path": "/customers/{id}"}
    definition["resources"]["orders"] = {
        "within": "customers",
        "find": [{"path": "/customers/{customers.id}", "items": "orders[]"}],
        "fields": {"text": {"categories": ["user.content"]}},
    }
    for one in place.shop.customers.values():
        one["orders"] = [{"id": 7, "text": "for Ada"}]
    desk, connector = Desk(ada()), place.connector(definition)
    connector.locate(desk.work())
    outcome = connector.mask(desk.work())
    assert {"customers": {"masked": 2}, "orders": {"failed": 2}} == outcome.counts
    assert {"hit": 2} == connector.absent(desk.work(act="mask")).counts["orders"]


def test_an_identity_of_another_person_below_keeps_the_record(place):
    """A record below hers that bears another address is that person's: her record is not deleted over it."""
    definition = changed(f"{FIND}.pages", {"page": "page"})
    definition["resources"]["customers"]["patch"] = {"path": "/customers/{id}"}
    definition["resources"]["guests"] = {
        "within": "customers",
        "goes_with_parent": True,
        "find": [{"path": "/customers/{customers.id}", "items": "guests[]"}],
        "fields": {"mail": {"categories": ["user.contact.email"], "identity": "email"}},
    }
    for one in place.shop.customers.values():
        one["guests"] = []
    place.shop.customers[1]["guests"] = [{"id": 7, "mail": "bob@example.org"}]
    desk, connector = Desk(ada()), place.connector(definition)
    assert {"customers": {"found": 5}} == connector.locate(desk.work()).counts
    assert {"customers": {"masked": 1, "erased": 4}} == connector.delete(desk.work()).counts
    assert [{"id": 7, "mail": "bob@example.org"}] == place.shop.customers[1]["guests"]
    assert {1, 6} == set(place.shop.customers)
    assert 0 == connector.absent(desk.work(act="delete")).total("hit")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"url": "http://shop.example"}, "not https"),
        ({"url": "https://ada:secret@shop.example"}, "holds neither credentials"),
        ({"url": "https://shop.example?key=1"}, "holds neither credentials"),
        ({"url": "shop.example"}, "not https"),
        ({"url": "https://shop\x00.example"}, "no URL"),
        ({"timeout": 0}, "greater than 0"),
        ({"folow": True}, "Extra inputs"),
    ],
)
def test_settings_are_checked(keys, says):
    """Plain HTTP beyond this machine, secrets in a URL and unknown keys are refused, and no value is repeated."""
    with pytest.raises(ValidationError, match=says) as error:
        HttpSettings(**{"url": "https://shop.example", "definition": "x.yaml"} | keys)
    assert "secret@" not in str(error.value)


def test_plain_http_is_said_in_so_many_words():
    """`insecure_http` allows it."""
    HttpSettings(url="http://shop.example", definition="x.yaml", insecure_http=True)


def test_the_inventory_gives_what_the_definition_asks_for(place):
    """A missing credential, and one that nobody asks for, stop the start."""
    with pytest.raises(UsageError, match="system shop: credentials lacks token"):
        place.connector(credentials={"tokens": SECRET})
    with pytest.raises(UsageError, match=r"asks for no credentials tokens; did you mean token\?"):
        place.connector(credentials={"token": SECRET, "tokens": SECRET})
    with pytest.raises(UsageError, match="parameters lacks account_id"):
        place.connector(BASIC | {"parameters": ["account_id"]})


def test_repr_says_no_secret(place):
    """Neither settings nor a connector show what opens the system."""
    settings = HttpSettings(url="https://shop.example", definition="x.yaml", credentials={"token": SECRET})
    assert SECRET not in repr(settings)
    assert SECRET not in repr(place.connector())
    assert "http" == CONNECTOR.name
