"""The inventory: the published example loads; whatever is wrong is one line that says what and where."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.domain.errors import UsageError
from shared.inventory import Client, check_packages, load, resolve

EXAMPLE = Path(__file__).parent / "data" / "systems.example.toml"
CLIENT = '[clients.acme]\nname = "Acme"\ncountry = "DE"\ncontact = "privacy@acme.example"\n'
SYSTEM = '[[systems]]\nid = "chat"\nclient = "acme"\nchannel = "chat"\nconnector = "sql"\nregion = "country:DE"\n'


def written(folder, text):
    """Write an inventory file."""
    path = folder / "systems.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_published_example_loads():
    """What outside programs write as their model is understood, with every key in its place."""
    found = load(EXAMPLE)
    assert ["acme-chat", "acme-mail", "acme-imap", "acme-calls", "acme-documents"] == [one.id for one in found.systems]
    assert found.systems == found.of_client("acme")
    client = found.clients["acme"]
    assert ("DE", "BE", "Europe/Berlin", "de") == (client.country, client.subdivision, client.timezone, client.language)
    assert ("P35D", "PT120H", "P3Y", "vendor") == (client.backups, client.sla, client.retention, client.tells_people)
    chat = found.system("acme-chat")
    assert 4 == chat.max_in_flight
    assert {"url": "sqlite:///chat.db", "datamap": "datamaps/chatwoot.yaml"} == chat.settings
    assert EXAMPLE.parent.resolve() == chat.folder
    assert {"endpoint_url", "key", "secret"} == set(found.system("acme-documents").settings["options"])
    assert (0.5, 0.75, 0.9) == found.alerts.milestones
    assert ("ines", "omar") == found.alerts.rota[0].people


def test_a_client_has_defaults():
    """Three keys suffice; the rest are the careful choices."""
    client = Client(name="Acme", country="FI", contact="x@acme.example")
    assert ("UTC", "en", "attested", 0, "package", "P3Y", "vendor", "FI") == (
        client.timezone, client.language, client.identity, client.approvals, client.deliver, client.retention,
        client.tells_people, client.region,
    )  # fmt: skip
    assert not client.accept_masking
    assert not client.plus_addresses


WRONG = [
    ("colour = 1\n" + CLIENT, "colour: unknown key"),
    (CLIENT + "colour = 1\n", "clients.acme.colour: unknown key"),
    (CLIENT.replace('name = "Acme"\n', ""), "clients.acme.name: missing"),
    (CLIENT.replace('"DE"', '"Germany"'), "clients.acme.country: "),
    (CLIENT.replace('"DE"', '"QQ"'), "clients.acme: no public holidays known for country 'QQ'"),
    (CLIENT + 'subdivision = "XX"\n', "clients.acme: DE has no subdivision 'XX'"),
    (CLIENT + 'timezone = "Mars/Olympus"\n', "clients.acme.timezone: not an IANA time zone"),
    (CLIENT + 'timezone = "../../etc/passwd"\n', "clients.acme.timezone: not an IANA time zone"),
    (CLIENT + 'sla = "5 days"\n', "clients.acme.sla: not an ISO 8601 period"),
    (CLIENT + 'backups = "35"\n', "clients.acme.backups: not an ISO 8601 period"),
    (CLIENT + 'retention = ""\n', "clients.acme.retention: not an ISO 8601 period"),
    (CLIENT + 'identity = "none"\n', "clients.acme.identity: Input should be 'attested' or 'code'"),
    (CLIENT + "approvals = 9\n", "clients.acme.approvals: "),
    (CLIENT + SYSTEM.replace('client = "acme"', 'client = "globex"'), "system chat names a client that is not in"),
    (CLIENT + SYSTEM + SYSTEM, "two systems are called chat"),
    (CLIENT + SYSTEM.replace('"chat"\nclient', '"Not An Id"\nclient'), "systems.0.id: "),
    (CLIENT + SYSTEM.replace('"chat"\nclient', '"desk"\nclient'), "no system can be called desk"),
    (CLIENT + SYSTEM.replace('channel = "chat"', 'channel = "fax"'), "systems.0.channel: "),
    (CLIENT + SYSTEM.replace("country:DE", "aws:moon-1"), "system chat: region is not known"),
    (CLIENT + SYSTEM.replace("country:DE", "eu-central-1"), "system chat: region is not known"),
    (CLIENT + SYSTEM.replace("country:DE", "aws:eu-west-2"), "system chat: its region is in GB, outside EU/EEA"),
    (CLIENT + SYSTEM.replace("country:DE", "country:CH"), "system chat: its region is in CH, outside EU/EEA"),
    (CLIENT + "[[systems]]\n", "systems.0.id: missing (and "),
    (CLIENT + 'systems = "chat"\n', "clients.acme.systems: unknown key"),
    ("systems = 5\n", "systems: "),
    ("systems = [5]\n", "systems.0: "),
    (CLIENT + "[alerts]\nmilestone = [0.5]\n", "alerts.milestone: unknown key"),
    ("clients = [", "is not valid TOML"),
    ('a = "\x00"', "is not valid TOML"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_one_line(tmp_path, text, said):
    """A wrong inventory is refused by a line that names the file, the place and the rule."""
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, text))
    line = str(caught.value)
    assert said in line
    assert line.startswith("systems.toml")
    assert "\n" not in line


def test_no_file_and_no_text(tmp_path):
    """A file that is missing is named with its variable; one that is not UTF-8 is not TOML."""
    with pytest.raises(UsageError, match=r"no inventory at .*; set RIGHTSDESK_SYSTEMS"):
        load(tmp_path / "nowhere.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"x\.toml is not valid TOML"):
        load(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("file:///srv/packages", None),
        ("/srv/packages", None),
        ("memory://packages", None),
        ("s3://packages", "aws:eu-central-1"),
        ("s3://packages", "country:NO"),
        ("s3://packages", "aws:eu-central-2"),
        ("file:///srv/packages", "country:CH"),
    ],
)
def test_a_package_store_is_where_it_may_be(tmp_path, url, region):
    """On this disk nothing has to be said; elsewhere a region in the EEA, or one that every client's ground covers."""
    check_packages(load(written(tmp_path, CLIENT + 'transfer_ground = "adequacy:CH"\n')), url, region)


@pytest.mark.parametrize(
    ("url", "region", "why"),
    [
        ("s3://user:canary@packages", None, "set RIGHTSDESK_PACKAGES_REGION"),
        ("simplecache::file:///srv", None, "set RIGHTSDESK_PACKAGES_REGION"),
        ("s3://packages", "aws:moon-1", "RIGHTSDESK_PACKAGES_REGION is not known"),
        (
            "s3://packages",
            "aws:us-east-1",
            "the package store is in US, outside EU/EEA; name the transfer_ground of cl",
        ),
        ("file:///srv", "country:GB", "the package store is in GB, outside EU/EEA"),
    ],
)
def test_a_package_store_elsewhere_is_refused(tmp_path, url, region, why):
    """One line says what to declare, without the URL; one client without a ground is enough."""
    other = CLIENT.replace("acme", "other", 1) + 'transfer_ground = "scc:US,GB"\n'
    inventory = load(written(tmp_path, CLIENT + other))
    with pytest.raises(UsageError, match=why) as caught:
        check_packages(inventory, url, region)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("ground", "region"), [("adequacy:CH", "country:CH"), ("scc:US,GB", "aws:eu-west-2")])
def test_a_transfer_ground_lets_a_region_in(tmp_path, ground, region):
    """Outside of EU and EEA a system is accepted where the client's agreement names the ground for that country."""
    text = CLIENT + f'transfer_ground = "{ground}"\n' + SYSTEM.replace("country:DE", region)
    assert region == load(written(tmp_path, text)).system("chat").region


def test_a_ground_for_one_country_is_none_for_another(tmp_path):
    """A ground counts for the countries that it names, and one without a kind for none."""
    for ground in ("adequacy:GB", "adequacy", ":CH", "adequacy:"):
        text = CLIENT + f'transfer_ground = "{ground}"\n' + SYSTEM.replace("country:DE", "country:CH")
        with pytest.raises(UsageError, match="outside EU/EEA"):
            load(written(tmp_path, text))


def test_a_kinds_own_keys_are_kept_for_it(tmp_path):
    """What is no key of every system stands in the settings, whatever its name."""
    found = load(written(tmp_path, CLIENT + SYSTEM + 'url = "x"\nfolder = "y"\nsettings = "z"\n'))
    assert {"url": "x", "folder": "y", "settings": "z"} == found.system("chat").settings
    with pytest.raises(KeyError):
        found.system("gone")


def test_references_are_read_from_the_environment():
    """`env:NAME` is read wherever it stands, in tables and lists too; other values stay as they are."""
    raw = {"a": "env:A", "b": {"c": ["env:A", 5, None]}, "d": "environment", "e": True}
    assert {"a": "s3cret", "b": {"c": ["s3cret", 5, None]}, "d": "environment", "e": True} == resolve(
        raw, {"A": "s3cret"}
    )


@pytest.mark.parametrize(
    ("value", "said"), [("env:NOT_THERE", "NOT_THERE, named in the inventory, is not set"), ("vault:x", "use env:NAME")]
)
def test_a_reference_that_leads_nowhere_is_said(value, said):
    """A missing variable is named; a kind of reference that is not there yet says what to use."""
    with pytest.raises(UsageError, match=said):
        resolve({"password": value}, {})


def test_how_long_the_erased_are_known():
    """As long as backups live, unless said otherwise; and a look may be left out."""
    known = {"name": "Acme", "country": "DE", "contact": "privacy@acme.example"}
    asked = [{}, {"backups": "P35D"}, {"backups": "P35D", "replay": "P1Y"}]
    assert ["P90D", "P35D", "P1Y"] == [Client(**known, **one).replayable for one in asked]
    assert ("P30D", "") == (Client(**known).look_again, Client(**known, look_again="").look_again)
    with pytest.raises(ValidationError, match="not an ISO 8601 period"):
        Client(**known, look_again="soon")
