"""The answer: letters in both languages for every right and outcome, the readable copy, schemas, the manifest."""

import hashlib
import json
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shared.domain.errors import Final
from tests.workers.desk.jobs import ADA, RIGHTS, system, taken

MAP = """
dataset:
  - fides_key: chat
    name: Chat
    rightsdesk: {info: {purpose: Support, legal_basis: Art. 6(1)(b), recipients: [Carrier Ltd], retention: two years,
      source: the person, safeguard: none needed, automated_decisions: none taken}}
    collections:
      - name: contacts
        fields:
          - {name: id, fides_meta: {primary_key: true, data_type: integer}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
          - {name: size, data_categories: [user.content], fides_meta: {data_type: float}}
"""
MAIL = """
dataset:
  - fides_key: mail
    name: Mail
    rightsdesk: {info: {purpose: Letters}}
    collections:
      - name: letters
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: text, data_categories: [user.content.private]}
"""
ERASED = [
    taken("locate", counts={"contacts": {"found": 1200}}),
    taken("delete", counts={"contacts": {"erased": 1200}, "orders": {"retained": 1}}, reasons=(
        {"collection": "orders", "outcome": "retained", "ground": "§ 257 HGB", "until": "2034-12-31"},
    )),
    taken("absent", counts={}),
]  # fmt: skip


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.hrefs += [value for name, value in attrs if name == "href"]


def mapped(folder: Path):
    """A chat system with a data map, and a mail system whose map has one collection."""
    (folder / "map.yaml").write_text(MAP)
    (folder / "mail.yaml").write_text(MAIL)
    return system("chat", "chat", folder, datamap="map.yaml"), system("mail", "email", folder, datamap="mail.yaml")


def exported(desk, rows, collection="contacts"):
    """Put rows and a message into the package, as connectors do."""
    chat, mail = desk.exported("chat"), desk.exported("mail")
    chat.rows(collection, ["id", "email", "size"], rows)
    mail.file("Re: 50% #1?.eml", b"Subject: hello\r\n\r\nhello")
    desk.register(chat, 15)
    desk.register(mail, 16)


@pytest.mark.parametrize("verdict", [None, "refused", "withdrawn"])
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("right", sorted(RIGHTS))
def test_every_right_has_its_letter(desk, right, language, verdict):
    """For every right, outcome and language there is a letter with its article, and the remedies of Art. 77 and 79."""
    here = desk(right, client={"language": language})
    if verdict:
        here.decided(verdict, "Your <identity> could not be established.")
    here.do("answer")
    page, lines = here.content("letter.html"), here.content("letter.txt").splitlines()
    text = " ".join(lines)
    assert f'<html lang="{language}">' in page
    assert f"Art. {RIGHTS[right].article}" in text
    assert ("Art. 77" in text and "Art. 79" in text) == (right != "breach")
    assert ("could not be established" in text) == (verdict == "refused")
    assert "Your <identity>" not in page
    assert {"letter.html", "letter.txt", "index.html", "manifest.json"} <= here.names()
    assert max(len(line) for line in lines) <= 78


@pytest.mark.parametrize(
    ("details", "said"),
    [({"lift": "0b0c5d5c-4a0e-4f0e-9d51-2b8f0f6f0a11"}, "Art. 18 Abs. 3 DSGVO"), ({}, "schränkung der Verarbeitung")],
)
def test_a_lifted_restriction_has_a_letter_of_its_own(desk, details, said):
    """Lifting a restriction is not answered as if one were asked for."""
    here = desk("restriction", details=details, client={"language": "de"})
    here.do("answer")
    assert said in here.content("letter.txt")
    assert ("aufgehoben" in here.content("letter.txt")) == bool(details)


@pytest.mark.parametrize(
    ("language", "stands", "refused"),
    [
        (
            "de",
            "nicht mehr zu diesen Zwecken: Direktwerbung.",
            "nicht entsprechen: x. Die Gründe dafür sind: They win.",
        ),
        ("en", "for these purposes: direct marketing.", "for these purposes: x. The reasons are: They win."),
    ],
)
def test_an_objection_refused_in_part_says_what_stands_and_what_not(desk, language, stands, refused):
    """Direct marketing stops; for what is refused the reasons are told (12(4))."""
    here = desk("objection", details={"purposes": ["direct-marketing", "x"]}, client={"language": language})
    here.decided("refused in part", "They win.")
    here.do("answer")
    text = " ".join(here.content("letter.txt").split())
    assert stands in text
    assert refused in text


def test_a_consent_given_is_confirmed(desk):
    """Who gave a consent reads that it can be withdrawn as easily."""
    consent = {"action": "give", "purposes": ["newsletter"], "channel": "web", "act": "ticked a box", "wording": "v3"}
    here = desk("consent", details={"consent": consent})
    here.do("answer")
    assert "You may withdraw it at any time" in " ".join(here.content("letter.txt").split())


def test_an_erasure_says_what_was_done_what_was_kept_and_until_when(desk):
    """Counts stand in words, the duty with its ground and end, backups with their date, in the client's language."""
    here = desk(client={"language": "de", "backups": "P35D"}, steps=ERASED)
    here.do("answer")
    text = " ".join(here.content("letter.txt").split())
    assert "Guten Tag Ada Example," in text
    assert "am 3. Februar 2026 bei uns eingegangen" in text
    assert "teilweise entsprochen" in text
    assert "Chat (chat), contacts: 1.200 Datensätze gelöscht" in text
    assert "Chat (chat), orders: 1 Datensatz aufbewahrt" in text
    assert "Grund: § 257 HGB; bis 31. Dezember 2034" in text
    assert "bis zum 6. April 2026" in text
    assert "noch einmal nachgesehen" in text


def test_the_same_in_english(desk):
    """English letters write numbers and dates as English does."""
    here = desk(client={"language": "en", "backups": "P35D"}, steps=ERASED)
    here.do("answer")
    text = " ".join(here.content("letter.txt").split())
    assert "1,200 records erased" in text
    assert "until 31 December 2034" in text
    assert "until 6 April 2026" in text


def test_a_second_erasure_adds_up_and_what_stays_is_said_once(desk):
    """An act that was put back counts what it found more; what it retains again is the same records."""
    again = taken("delete", counts={"contacts": {"erased": 2}, "orders": {"retained": 1}}, part="again1")
    here = desk(steps=[*ERASED, again])
    here.do("answer")
    text = here.content("letter.txt")
    assert "1,202 records erased" in text
    assert "orders: 1 record retained" in text


def test_a_rest_that_has_ended_is_not_told_as_one_that_stands(desk):
    """What was restricted only until the erasure, or lifted since, stands in no letter."""
    rest = [
        taken("restrict", counts={"contacts": {"restricted": 3}}),
        taken("lift", counts={"contacts": {"lifted": 3}}),
    ]
    for right, steps in (("erasure", rest[:1]), ("rectification", rest)):
        here = desk(right, steps=steps)
        here.do("answer")
        assert "contacts" not in here.content("letter.txt")


def test_nothing_found_is_said_plainly(desk):
    """An erasure of someone who was never known ends with a letter that says so."""
    here = desk(steps=[taken("locate", counts={}), taken("locate", "mail", counts={})])
    here.do("answer")
    assert "found none" in here.content("letter.txt")
    assert "until" not in here.content("letter.txt")


def test_waived_steps_and_unclear_records_are_not_hidden(desk):
    """What a person decided to leave undone is told; a refusal's waived steps are not."""
    steps = [taken("delete", state="waived"), taken("match", "desk", state="waived")]
    here = desk(steps=steps)
    here.do("answer")
    text = " ".join(here.content("letter.txt").split())
    assert "chat (chat): erasure was left undone" in text
    assert "could not be told for certain" in text
    refused = desk(steps=steps)
    refused.decided("refused", "no")
    refused.do("answer")
    assert "left undone" not in refused.content("letter.txt")


def test_a_refusal_without_reasons_is_not_sent(desk):
    """Art. 12(4): no letter goes out that refuses without saying why."""
    with pytest.raises(Final, match="reasons"):
        desk(verdict="refused").do("answer")


def test_access_tells_everything_of_article_15(desk, tmp_path):
    """The readable copy has purposes, basis, categories, recipients, retention, source, decisions, rights."""
    here = desk("access", systems=mapped(tmp_path))
    exported(here, [{"id": 1, "email": "ada@example.org", "size": 1.5}])
    here.do("answer")
    page = here.content("index.html")
    for said in (
        "Support", "Art. 6(1)(b)", "User Contact Email", "Carrier Ltd", "two years", "the person", "none needed",
        "none taken", "rectify or erase", "supervisory authority", "judicial remedy", "Letters", "Private Content",
        "ada@example.org",
    ):  # fmt: skip
        assert said in page
    assert page.count("not recorded; ask privacy@acme.example") == 4  # of the mail system only its purpose is known


def test_german_names_the_categories_in_german(desk, tmp_path):
    """A German page has German names for the taxonomy's categories."""
    here = desk("access", systems=mapped(tmp_path), client={"language": "de-AT"})
    exported(here, [{"id": 1, "email": "ada@example.org", "size": 1.5}])
    here.do("answer")
    assert "E-Mail-Adresse, Inhalte der Person" in here.content("index.html")


def test_every_data_file_is_linked_and_found(desk, tmp_path):
    """Each link on the page leads to a file of the package, whatever characters its name has."""
    from urllib.parse import unquote

    here = desk("access", systems=mapped(tmp_path))
    exported(here, [{"id": 1, "email": "ada@example.org", "size": 1.5}])
    here.do("answer")
    links = {unquote(one) for one in Links(here.content("index.html")).hrefs if one[0] != "#" and "mailto" not in one}
    assert here.names() - {"index.html", "letter.txt"} == links


def test_files_of_a_system_that_has_left_are_linked(desk):
    """What was exported before a system left the inventory is still on the page."""
    here = desk("access")
    gone = here.exported("old-crm")
    gone.rows("people", ["id"], [{"id": 7}])
    here.register(gone, 17)
    here.do("answer")
    assert "data/old-crm/people.json" in Links(here.content("index.html")).hrefs


def test_content_is_escaped(desk):
    """Chat content, file and collection names cannot become markup of the page."""
    evil = '<script>alert("x")</script>'
    here = desk("access", subject=ADA | {"name": evil})
    exported(here, [{"id": evil, "email": evil, "size": [evil]}], collection=f"a{evil}")
    here.do("answer")
    for name in ("index.html", "letter.html"):
        assert "<script" not in here.content(name)
    assert "&lt;script&gt;" in here.content("index.html")


def test_long_tables_and_cells_are_cut_on_the_page_only(desk):
    """The page shows the first rows; the files hold all."""
    here = desk("access")
    exported(here, [{"id": number, "email": "x" * 2000, "size": None} for number in range(120)])
    here.do("answer")
    page = here.content("index.html")
    assert "the first 50 rows" in page
    assert "x" * 501 not in page
    assert 120 == len(json.loads(here.content("data/chat/contacts.json")))


def test_portability_has_a_schema_that_is_true_of_the_data(desk, tmp_path):
    """Types come from the data map and from every row; a column that changes its type has both."""
    here = desk("portability", systems=mapped(tmp_path))
    exported(here, [{"id": 1, "email": None, "size": 2}, {"id": 2, "email": "ada@example.org", "size": "big"}])
    here.do("describe", step=2)
    here.do("answer")
    schema = json.loads(here.content("data/chat/contacts.schema.json"))
    assert {
        "id": {"type": "integer"},
        "email": {"type": ["null", "string"], "description": "user.contact.email"},
        "size": {"type": ["number", "string"], "description": "user.content"},
    } == schema["items"]["properties"]
    assert ["email", "id", "size"] == schema["items"]["required"]
    assert "data/chat/contacts.schema.json" in here.content("index.html")


def test_without_a_data_map_the_schema_comes_from_the_rows(desk):
    """A system without a data map has schemas, too."""
    here = desk("portability")
    exported(here, [{"id": 1, "email": "a", "size": True}, {"id": 2, "email": "b", "size": {"x": [1]}}])
    here.do("describe", step=2)
    here.do("answer")
    schema = json.loads(here.content("data/chat/contacts.schema.json"))
    assert {"type": ["boolean", "object"]} == schema["items"]["properties"]["size"]


def test_the_manifest_fits_every_file(desk):
    """Each file but the manifest itself is listed rightly and once, also on a second run."""
    here = desk("portability")
    exported(here, [{"id": 1, "email": "a", "size": 1}])
    here.do("answer")
    here.do("answer")
    listed = json.loads(here.content("manifest.json"))["files"]
    assert sorted(here.names() - {"manifest.json"}) == [one["name"] for one in listed]
    for one in listed:
        content = here.content(one["name"]).encode()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["size"], one["sha256"])
    assert {"": {"index.html", "letter.html", "letter.txt"}, "mail": {"files/mail/Re_ 50% #1_.eml"}} == {
        system: {one["name"] for one in listed if one["system"] == system} for system in ("", "mail")
    }


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", ("E-Mail-Adresse: kein System", "Ihre ergänzende Erklärung: kein System")),
        ("en", ("User Contact Email: no system", "Your statement: no system")),
    ],
)
def test_a_letter_does_not_list_as_new_what_was_written_nowhere(desk, language, said):
    """Only what stands in a system is told as rectified; the rest is told as not done."""
    changes = {"user.contact.email": "ada@new.example", "user.name": "Ada B."}
    step = taken(
        "rectify",
        counts={"contacts": {"rectified": 1}},
        reasons=({"collection": "contacts", "outcome": "rectified", "ground": "user.name"},),
    )
    details = {"changes": changes, "statement": "I moved <b>away</b>."}
    here = desk("rectification", details=details, client={"language": language}, steps=[step])
    here.do("answer")
    text = here.content("letter.txt")
    assert "Ada B." in text
    assert "ada@new.example" not in text
    assert "I moved" not in text
    assert all(one in text for one in said)


def test_the_representative_is_named(desk):
    """A letter says who represents the person."""
    by = {"name": "Lee Law", "mandate": "power of attorney"}
    here = desk("portability", subject=ADA | {"represented_by": by})
    here.do("answer")
    assert "represented by Lee Law" in here.content("letter.txt")


@pytest.mark.parametrize(
    ("language", "state", "said"),
    [
        ("de", "done", "haben wir die Daten unmittelbar an other.example übermittelt"),
        ("en", "done", "we have transmitted the data directly to other.example"),
        ("de", "waived", "ließen sich die Daten nicht unmittelbar an other.example übermitteln"),
        ("en", "waived", "the data could not be transmitted directly to other.example"),
    ],
)
def test_a_letter_says_whether_the_data_were_transmitted(desk, language, state, said):
    """What went is told as gone, what did not go is not (Art. 20(2))."""
    here = desk("portability", client={"language": language}, steps=[taken("transfer", "desk", state=state)])
    here.do("answer")
    assert said in " ".join(here.content("letter.txt").split())


@pytest.mark.parametrize(("language", "expected"), [("xx", "en"), ("../etc", "en"), ("de-CH", "de"), ("EN", "en")])
def test_an_unknown_language_is_answered_in_english(desk, language, expected):
    """A language that nobody wrote for falls back, and is no path."""
    here = desk(client={"language": language})
    here.do("answer")
    assert f'<html lang="{expected}">' in here.content("letter.html")


def test_templates_are_replaced_for_a_client_or_for_all(desk, tmp_path):
    """The client's own template wins over the installation's, which wins over ours; others stay as they are."""
    for place, words in (
        ("acme/en", "ours <b>{{ name }}</b>"),
        ("en", "everyone's"),
        ("fr", "Bonjour {{ day(today) }}"),
    ):
        (tmp_path / "letters" / place).mkdir(parents=True)
        (tmp_path / "letters" / place / "letter.html.j2").write_text(words)
    (tmp_path / "letters/fr/letter.txt.j2").write_text("Bonjour, en texte")
    settings = {"letters": tmp_path / "letters"}
    here = desk(settings=settings, subject=ADA | {"name": "<Ada>"})
    here.do("answer")
    assert "ours <b>&lt;Ada&gt;</b>" == here.content("letter.html")
    assert "ours <Ada>\n" == here.content("letter.txt")
    assert "Result" in here.content("index.html")
    french = desk(settings=settings, client={"language": "fr"})
    french.do("answer")
    assert f"Bonjour {date(2026, 3, 2).isoformat()}" == french.content("letter.html")
    assert "Bonjour, en texte" == french.content("letter.txt")


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("{{ nme }}", r"letter.html.j2 cannot be rendered \(UndefinedError in line 1\)"),
        ("\n{{ name.foo.bar }}", r"in line 2"),
        ("{% if %}", r"cannot be read \(TemplateSyntaxError in line 1\)"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ 1 + name }}", "TypeError"),
    ],
)
def test_a_broken_template_is_named_and_no_value_is_quoted(desk, tmp_path, template, what):
    """A client's template that is wrong, or reaches for more than it may, fails the step in one line."""
    (tmp_path / "letters/en").mkdir(parents=True)
    (tmp_path / "letters/en/letter.html.j2").write_text(template)
    with pytest.raises(Final, match=what) as error:
        desk(settings={"letters": tmp_path / "letters"}).do("answer")
    assert "Ada" not in str(error.value)


def test_a_missing_data_map_fails_in_one_line(desk, tmp_path):
    """A data map that has gone stops the answer and names the system."""
    here = desk("access", systems=(system("chat", "chat", tmp_path, datamap="gone.yaml"),))
    with pytest.raises(Final, match="system chat: its data map cannot be read"):
        here.do("answer")


def test_a_data_map_that_changes_is_read_again(desk, tmp_path):
    """The map is remembered by its path and time, so a corrected one counts."""
    import os

    for purpose, time in (("Support", 1), ("Sales", 2)):
        here = desk("access", systems=mapped(tmp_path))
        (tmp_path / "map.yaml").write_text(MAP.replace("Support", purpose))
        os.utime(tmp_path / "map.yaml", (time, time))
        exported(here, [{"id": 1, "email": "a", "size": 1.5}])
        here.do("answer")
        assert purpose in here.content("index.html")
