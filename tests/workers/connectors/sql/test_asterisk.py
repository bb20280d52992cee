"""The ready map of Asterisk, on its real tables in PostgreSQL and MariaDB: her calls, and of others' nothing."""

import json
import sys
from contextlib import closing

import pytest

from shared.domain.errors import Final
from shared.domain.identifier import PHONE, Identifier, Subject
from shared.testing import Desk
from tests.workers.connectors.schemas import asterisk, asterisk_people
from tests.workers.connectors.schemas.asterisk_people import ADA, DIAL, KEYS, NEAR
from tests.workers.connectors.schemas.people import People, shown
from tests.workers.connectors.schemas.ready import MAPS
from tests.workers.connectors.sql.conftest import KINDS
from workers.cli import main

MAP = MAPS / "asterisk.yaml"
STRANGERS = ("Bob", "Carol", "Longer", "Other area", "Ines", "the system")
SHARED = "2026/03/02/fwd-030123456-030987654-20260302-120000-1772366400.80.wav"


@pytest.fixture(params=["postgresql", "mariadb"])
def people(request, tmp_path):
    """Return a telephone system's database."""
    with closing(People(request.getfixturevalue(KINDS[request.param]), tmp_path, KEYS)) as people:
        asterisk.create(people.engine)
        asterisk_people.populate(people)
        yield people


@pytest.fixture
def ada():
    """Return Ada, as her ticket gives her."""
    return Subject(frozenset({Identifier(PHONE, ADA)}), names=frozenset({"ada example"}), region="DE")


def run(people, desk, verb, **args):
    """Run a verb on a fresh connector."""
    connector = people.connector(MAP, phone=DIAL)
    try:
        return getattr(connector, verb)(desk.work(**args))
    finally:
        connector.close()


def hits(outcome):
    """Return how many contradictions were seen, and which."""
    return outcome.total("hit"), tuple(one.ground for one in outcome.reasons if one.outcome == "hit")


def test_locate_finds_her_number_however_it_was_dialled(people, ada):
    """Every spelling is hers, the legs of her calls where nobody else stands too; and no extension widens."""
    desk = Desk(ada)
    outcome = run(people, desk, "locate")
    noted = {(one.collection, *json.loads(one.key)) for one in desk.found() if one.how == "subject"}
    whose = {place for place, one in people.whose.items() if one in ("Ada", "Ada and Bob")}
    assert whose == noted
    assert [] == [one for one in desk.notes if not one.sure]
    assert set() == outcome.identifiers
    assert {"Ada, by mention"} == {
        people.whose[one.collection, *json.loads(one.key)] for one in desk.found() if one.how == "mention"
    }


def test_delete_takes_her_calls_and_nobody_elses(people, ada):
    """Rows, recordings and messages go; other legs, and the recording that one of them names, stay."""
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    outcome = run(people, desk, "delete")
    touched = people.touched(before)
    sys.stdout.write(shown("Asterisk, erasure", "Ada", NEAR, touched) + "\n")
    assert {} == {whose: what for whose, what in touched.items() if whose in STRANGERS}
    assert {"cdr gone": 10, "cel gone": 3, "file gone": 2, "voicemail_messages gone": 2} == touched["Ada"]
    assert {"cdr gone": 1, "cel gone": 1} == touched["Ada and Bob"]
    assert {"cdr changed": 1} == touched["Ada, by mention"]
    assert "callback [redacted]" in people.changed(before, "Ada, by mention").values()
    assert {"retained": 1, "erased": 2} == outcome.counts["cdr.recordingfile"]
    assert (people.folder / "files" / SHARED).exists()
    assert (0, ()) == hits(run(people, desk, "absent", act="delete"))


def test_a_look_sees_a_number_dialled_again(people, ada):
    """A row in which her number stands behind the outside line's is a contradiction."""
    desk = Desk(ada)
    for verb in ("locate", "delete"):
        run(people, desk, verb)
    people.add("Ada", "cdr", calldate="2026-03-03 12:00:00", src="101", dst="9030123456", uniqueid="7.7", sequence=7)
    assert hits(run(people, desk, "absent", act="delete"))[0] > 0


def test_export_masks_the_other_party(people, ada):
    """Of a call she sees her own number and name; the other's number, name and file name are masked."""
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    run(people, desk, "export")
    calls = {one["uniqueid"]: one for one in desk.package.tables["cdr"]}
    assert {"030123456", "Ada Example"} == {calls["1772366400.80"][name] for name in ("src", "cnam")}
    outwards = calls["1772366400.20"]
    assert "9030123456" == outwards["dst"]
    assert "PJSIP/provider/sip:9030123456@trunk,60" == outwards["lastdata"]
    said = json.dumps([desk.package.tables, sorted(desk.package.files)])
    assert [] == [one for one in ("987654", "Bob", "765432", "Ines") if one in said]
    assert "2026/03/02/fwd-030123456-[redacted]-20260302-120000-1772366400.80.wav" in desk.package.files
    messages = desk.package.tables["voicemail_messages"]
    assert [0, 2] == [one["msgnum"] for one in messages]
    assert {} == people.touched(before)


def test_mask_leaves_the_other_party(people, ada):
    """Her number and name go from the rows of her calls, the other's stay; the second look is content."""
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    outcome = run(people, desk, "mask")
    touched = people.touched(before)
    sys.stdout.write(shown("Asterisk, masking", "Ada", NEAR, touched) + "\n")
    assert {} == {whose: what for whose, what in touched.items() if whose in STRANGERS}
    assert 0 == outcome.total("failed")
    row = people.rows()["cdr", 80, "1772366400.80"]
    assert ("[redacted]", "9030987654", "[redacted]", "Bob Other") == (
        row["src"], row["dst"], row["cnam"], row["dst_cnam"],
    )  # fmt: skip
    own = people.rows()["cdr", 20, "1772366400.20"]
    assert ("101", "[redacted]", "Ines") == (own["src"], own["dst"], own["cnam"])
    assert (0, ()) == hits(run(people, desk, "absent", act="mask"))


def test_restriction_marks_her_calls_and_is_lifted(people, ada):
    """The mark stands in userfield and flag, and what stood there comes back."""
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    run(people, desk, "restrict")
    assert {"Ada", "Ada and Bob"} == people.touched(before).keys()
    assert {"restricted"} == set(people.changed(before, "Ada").values())
    assert (0, ()) == hits(run(people, desk, "absent", act="restrict"))
    run(people, desk, "lift")
    assert {} == people.touched(before)


def test_rectification_does_not_rewrite_what_was_dialled(people, ada):
    """A call was made from the old number; only what she said herself is corrected."""
    before, desk = people.rows(), Desk(ada)
    changes = {"user.contact.phone_number": "+4930777777"}
    run(people, desk, "locate")
    run(people, desk, "rectify", changes=changes)
    assert {"Ada": {"voicemail_messages changed": 2}} == people.touched(before)
    assert (0, ()) == hits(run(people, desk, "absent", act="rectify", changes=changes))


def test_nobody_is_found_by_an_extension(people):
    """An extension is no number: whoever asks with one as if it were is found nowhere."""
    desk = Desk(Subject(frozenset({Identifier(PHONE, "+49101"), Identifier(PHONE, "+49123456")}), region="DE"))
    run(people, desk, "locate")
    assert [] == desk.found()


def test_the_parties_of_the_calls_in_a_breach(people, ada):
    """Each number in the window is one person, read as it was dialled; extensions are none."""
    connector = people.connector(MAP, phone=DIAL)
    window = {"from": "2026-02-01T00:00:00+00:00", "to": "2026-04-01T00:00:00+00:00"}
    affected = {one.value for who in connector.subjects(Desk(ada).work(**window)) for one in who.identifiers}
    connector.close()
    assert {ADA, "+4930987654", "+4940765432", "+49301234567", "+4940123456"} == affected


def test_the_map_fits_the_tables(people, monkeypatch, capsys):
    """`systems check` has nothing to say of the real tables, whatever stands in them."""
    monkeypatch.setenv("RIGHTSDESK_HOME", str(people.folder / "home"))
    monkeypatch.setenv("RIGHTSDESK_SYSTEMS", str(people.inventory(MAP, phone='{ region = "DE", trunk = ["9", "0"] }')))
    with pytest.raises(SystemExit) as ended:
        main(["systems", "check"])
    assert (0, "acme: ok\n", "") == (ended.value.code, *capsys.readouterr())


def test_a_table_without_a_key_is_said(people, tmp_path):
    """Where neither database nor map tells rows apart, no ticket is worked."""
    text = MAP.read_text(encoding="utf-8").replace("system.operations], fides_meta: {primary_key: true}}", "system]}")
    assert "{name: uniqueid, data_categories: [system]}" in text
    (tmp_path / "keyless.yaml").write_text(text, encoding="utf-8")
    connector = people.connector(tmp_path / "keyless.yaml")
    with pytest.raises(Final, match="cdr has no primary key in the database; mark its fields that tell rows apart"):
        connector.locate(Desk(Subject(frozenset({Identifier(PHONE, ADA)}), region="DE")).work())
    connector.close()


def test_keys_that_do_not_tell_rows_apart_change_nothing(people, ada):
    """Two rows with one key may be two people's: the check says so, and no act begins."""
    people.add("Bob", "cdr", calldate="2026-03-03 12:00:00", src="030987654", dst="101", uniqueid="1772366400.20",
               sequence=20)  # fmt: skip
    connector = people.connector(MAP, phone=DIAL)
    findings = [(one.severity, one.place, one.what) for one in connector.check()]
    connector.close()
    assert [("error", "cdr", "has rows that the key of the data map does not tell apart")] == findings
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    for verb in ("export", "delete", "mask", "restrict"):
        with pytest.raises(Final, match="cdr: several rows have one key"):
            run(people, desk, verb)
    assert 2 == people.count("cdr", uniqueid="1772366400.20")
    assert {} == people.touched(before)


def test_how_numbers_are_dialled_is_checked(people):
    """A region that nobody knows, or a prefix that is no digits, is said at the start."""
    for wrong in ({"region": "Germany"}, {"trunk": ["+"]}, {"prefix": "9"}):
        with pytest.raises(ValueError, match="phone"):
            people.connector(MAP, phone=wrong)
