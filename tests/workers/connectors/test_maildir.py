"""The connector of mailboxes on disk, on real Maildirs with real mail in them."""

import bz2
import gzip
import lzma
import mailbox
import os
from dataclasses import replace
from email import message_from_bytes
from email.policy import SMTP, default
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.errors import Final
from shared.domain.identifier import EMAIL, Identifier, Subject
from shared.inventory import Client, System
from shared.testing import Desk
from tests.contracts.connector import ConnectorContract, World
from tests.workers.connectors.mails import (
    ADA,
    STANDS,
    SUPPORT,
    forwarded,
    mail,
    said,
    subject,
    with_attachments,
    with_html,
)
from workers.connectors.maildir import CONNECTOR, MaildirSettings
from workers.connectors.maildir.folders import base_of

SALES = "team/sales@acme.example"


def connector(root: Path, **keys):
    """Return a fresh connector."""
    client = Client(name="Acme", country="DE", contact="privacy@acme.example")
    system = System(id="mail", client="acme", channel="email", connector="maildir", region="country:DE", folder=root)
    return CONNECTOR(system, client, MaildirSettings(path="mail/", **keys))


def box(root, folder=SUPPORT):
    """Open a Maildir, or make it."""
    path = root / "mail" / folder
    path.parent.mkdir(parents=True, exist_ok=True)
    return mailbox.Maildir(path, create=True)


def put(root, message, folder=SUPPORT, flags="S", name=None):
    """Deliver a message; return its key as a connector knows it."""
    maildir = box(root, folder)
    entry = mailbox.MaildirMessage()
    if flags is not None:
        entry.set_subdir("cur")
        entry.set_flags(flags)
    path = Path(maildir._path) / maildir._lookup(maildir.add(entry))
    path.write_bytes(message if isinstance(message, bytes) else message.as_bytes())
    if name:
        renamed = path.with_name(name)
        path.rename(renamed)
        path = renamed
    os.utime(path, (1_777_777_777, 1_777_777_777))
    return f"{folder}/{base_of(path.name)}"


def files(root):
    """Return every message file by its path below the mail folder."""
    return {
        path.relative_to(root / "mail").as_posix(): path
        for path in sorted((root / "mail").rglob("*"))
        if path.is_file() and path.parent.name in {"cur", "new"}
    }


def at(root, key):
    """Return the one file of a message, wherever it is."""
    base = key.rpartition("/")[2]
    (found,) = (path for place, path in files(root).items() if base_of(path.name) == base)
    return found


def run(root, desk, verb, keys=None, **args):
    """Run one verb on a fresh connector."""
    return getattr(connector(root, **(keys or {})), verb)(desk.work(**args))


@pytest.fixture
def mails(tmp_path):
    """Mailboxes with the person's mail, mail of others, mail of both and mail about her."""
    put(tmp_path, mail(f"Ada Example <{ADA}>", f"{SUPPORT}, privacy@acme.example"), flags=None)
    put(tmp_path, with_html(), f"{SUPPORT}/.Sent", "RS")
    put(tmp_path, with_attachments(), SALES, "FS", "1777.M1P1.host,S=999,W=1010:2,FS")
    put(tmp_path, mail(ADA, f"{SUPPORT}, Bob <bob@example.org>", "To both of you."))
    put(tmp_path, mail("bob@example.org", SUPPORT, "Ada's address is <ada@example.org>, you know."))
    put(tmp_path, forwarded())
    strangers = [
        put(tmp_path, mail("bob@example.org", SUPPORT, "Nothing about anyone."), flags=None),
        put(tmp_path, mail("xada@example.org", SUPPORT, "From ada@example.org.uk and ada+x@example.org.")),
        put(tmp_path, mail("ada@example.org.test", SALES.split("/")[1], "+49 30 1234567"), SALES),
        put(tmp_path, b"From: \xff\xfe <<,;@\nContent-Type: multipart/mixed\nX: =?x?q?=zz?=\n\n\x80body"),
        put(tmp_path, b""),
        put(tmp_path, mail("Carl <carl@example.org>", SUPPORT, "x").as_bytes(policy=SMTP), f"{SUPPORT}/.Sent.2026"),
    ]
    return tmp_path, strangers


class TestMaildir(ConnectorContract):
    @pytest.fixture
    def world(self, mails):
        """Mailboxes at several depths."""
        root, strangers = mails

        def others():
            return {
                key: (at(root, key), at(root, key).read_bytes(), at(root, key).stat().st_mtime) for key in strangers
            }

        def present():
            return {found for path in files(root).values() for found in STANDS.findall(said(path.read_bytes()))}

        def hers_outside():
            for place, path in files(root).items():
                message = mailbox.MaildirMessage(path.read_bytes())
                alone = "bob@" not in f"{message['To']}"
                if ".Restricted" not in place and STANDS.search(str(message["From"])) and alone:
                    yield place

        return World(
            make=lambda: connector(root),
            ada=subject(),
            present=present,
            others=others,
            lie=lambda: put(root, mail(ADA, SUPPORT)),
            records=4,
            restricted=lambda: not list(hers_outside()),
            nobody=Subject(frozenset({Identifier(EMAIL, "nobody@example.org")})),
        )


def test_what_is_found_is_told_apart(mails):
    """Her own and shared messages are found, messages that name her are mentions, counted by folder."""
    root, _ = mails
    desk = Desk(subject())
    outcome = run(root, desk, "locate")
    assert {
        SUPPORT: {"found": 2, "mention": 2},
        f"{SUPPORT}/.Sent": {"found": 1},
        SALES: {"found": 1},
    } == outcome.counts
    assert 1 == [one.fate for one in desk.notes].count("shared")
    assert {"ada example", "ada exämple"} == outcome.names
    assert set() == outcome.identifiers
    assert all(len(one.digest) == 64 for one in desk.notes)


@pytest.mark.parametrize(
    ("policy", "erased", "outcome", "left"),
    [("delete", 4, None, 8), ("redact", 3, "redacted", 9), ("keep", 3, "retained", 9)],
)
def test_shared_messages_follow_the_policy(mails, policy, erased, outcome, left):
    """A message with other people in it is deleted, redacted or kept, as the inventory says, and proven so."""
    root, _ = mails
    desk = Desk(subject())
    keys = {"shared_messages": policy}
    run(root, desk, "locate", keys)
    done = run(root, desk, "delete", keys)
    assert erased == done.total("erased")
    assert int(outcome == "retained") == done.total("retained")
    assert 2 + int(outcome == "redacted") == done.total("redacted")
    assert left == len(files(root))
    assert 0 == run(root, desk, "absent", keys, act="delete").total("hit")
    kept = [path for path in files(root).values() if b"To both of you" in path.read_bytes()]
    assert (policy != "delete") == bool(kept)
    assert (policy == "keep") == any(STANDS.search(said(path.read_bytes())) for path in files(root).values())


def test_a_redacted_copy_differs_only_where_she_stood(mails):
    """Other people's words, the date, the flags and the folder of a redacted message stay."""
    root, _ = mails
    (before,) = (path for path in files(root).values() if b"To both of you" in path.read_bytes())
    lines = before.read_bytes().splitlines()
    desk = Desk(subject())
    run(root, desk, "locate")
    run(root, desk, "delete")
    after = before.read_bytes().splitlines()
    assert [b'From: "[redacted]" <redacted@redacted.invalid>'] == [line for line in after if line not in lines]
    assert len(lines) == len(after)
    assert 1_777_777_777 == before.stat().st_mtime


def test_a_size_in_a_name_stays_true(tmp_path):
    """A mail server trusts `,S=` in a file's name, so a redacted copy tells its own size; its key stays."""
    raw = mail("bob@example.org", SUPPORT, "ask ada@example.org").as_bytes(policy=SMTP)
    key = put(tmp_path, raw, name=f"1777.M2P2.host,S={len(raw)},W={len(raw)}:2,RS")
    desk = Desk(subject())
    run(tmp_path, desk, "locate")
    run(tmp_path, desk, "delete")
    (path,) = files(tmp_path).values()
    size = path.stat().st_size
    assert f"1777.M2P2.host,S={size},W={size}:2,RS" == path.name
    assert key == f"{SUPPORT}/1777.M2P2.host" == desk.found()[0].key
    assert raw.replace(ADA.encode(), b"[redacted]") == path.read_bytes()


@pytest.mark.parametrize("verb", ["delete", "mask", "restrict", "export"])
def test_flags_may_change_after_locate(mails, verb):
    """A message is still found when a mail program has marked it since, or moved it from new to cur."""
    root, _ = mails
    desk = Desk(subject())
    located = run(root, desk, "locate").total("found")
    for path in files(root).values():
        path.rename(path.parent.parent / "cur" / (path.name.partition(":")[0] + ":2,DRS"))
    outcome = run(root, desk, verb)
    expected = {"delete": located - 1, "mask": located + 2, "restrict": located - 1, "export": located}
    assert expected[verb] == outcome.total("erased", "masked", "restricted", "exported")
    assert verb not in {"delete", "mask"} or 0 == run(root, desk, "absent", act=verb).total("hit")


def test_a_message_renamed_between_looking_and_acting_is_followed(mails):
    """A file that vanishes under its name is looked for again by its key."""
    root, _ = mails
    one = connector(root)
    desk = Desk(subject())
    one.locate(desk.work())
    boxes = one._mailboxes
    keys = [note.key for note in desk.found()]
    places = boxes.places(keys)
    for path in files(root).values():
        path.rename(path.with_name(path.name.partition(":")[0] + ":2,T"))
    for number, key in enumerate(keys):
        if number % 3 == 0:
            boxes.remove(key, places[key])
        elif number % 3 == 1:
            boxes.move(key, places[key], restricted=True)
        else:
            boxes.rewrite(key, places[key], lambda _: b"Subject: other\n\n")
    after = boxes.places(keys)
    for number, key in enumerate(keys):
        assert (number % 3 != 0) == len(after[key])
        assert all(place.restricted == (number % 3 == 1) for place in after[key])
        assert number % 3 != 2 or b"Subject: other\n\n" == boxes.read(after[key][0])


def test_a_message_renamed_while_it_is_rewritten_ends_as_one_copy(tmp_path):
    """When a mail program renames a message just as its copy takes the old name, only the redacted one stays."""
    key = put(tmp_path, mail("bob@example.org", SUPPORT, "ask ada@example.org"))
    boxes = connector(tmp_path)._mailboxes
    place = boxes.places([key])[key][0]

    def change(raw):
        if place.path.exists() and ADA.encode() in raw:
            place.path.rename(place.path.with_name(place.path.name + "T"))
            place.path.write_bytes(b"")  # so that the copy can take its rights: the race in slow motion
        return raw.replace(ADA.encode(), b"nobody") if ADA.encode() in raw else raw

    boxes.rewrite(key, [place], change)
    (left,) = files(tmp_path).values()
    assert left.name.endswith("T")
    assert b"ask nobody" in left.read_bytes()


def test_a_delete_ends_the_same_after_a_crash(mails):
    """A delete that died half-way, its notes lost, is finished by the next; both count all that is gone."""
    root, _ = mails
    desk, twin = Desk(subject()), Desk(subject())
    run(root, desk, "locate")
    run(root, twin, "locate")

    class Died(Exception):
        pass

    def die(_):
        raise Died

    work = desk.work()
    object.__setattr__(work, "note", die)
    with pytest.raises(Died):
        connector(root).delete(work)
    outcome = run(root, twin, "delete")
    assert (3, 3) == (outcome.total("erased"), outcome.total("redacted"))
    assert 0 == run(root, twin, "absent", act="delete").total("hit")


def test_a_restricted_message_keeps_its_key(mails):
    """A restricted message is found again under the same key, can be erased there, and knows where it came from."""
    root, _ = mails
    first, second = Desk(subject()), Desk(subject())
    run(root, first, "locate")
    before = files(root)
    run(root, first, "restrict")
    assert {f"{SUPPORT}/.Restricted/", f"{SUPPORT}/.Restricted.Sent/", f"{SALES}/.Restricted/"} == {
        place.rpartition("/")[0].removesuffix("cur").removesuffix("new")
        for place in files(root)
        if ".Restricted" in place
    }
    run(root, second, "locate")
    assert {one.place for one in first.found()} == {one.place for one in second.found()}
    run(root, second, "lift")
    assert before != files(root)
    run(root, first, "lift")
    assert before == files(root)
    run(root, first, "restrict")
    assert 3 == run(root, first, "delete").total("erased")
    assert 0 == run(root, first, "absent", act="delete").total("hit")


def test_export_hides_other_people_in_the_index(mails):
    """The index shows the person's and the vendor's addresses; other people's are pseudonyms."""
    root, _ = mails
    desk = Desk(subject())
    run(root, desk, "locate")
    run(root, desk, "export")
    rows = desk.package.tables["messages"]
    assert 4 == len(rows)
    assert {row["file"] for row in rows} == set(desk.package.files) - {"messages.mbox"}
    assert not any("bob@" in str(row) for row in rows)
    assert any("@masked.invalid" in row["to"] and SUPPORT in row["to"] for row in rows)
    assert {"2026-05-04T08:00:00+00:00"} == {row["date"] for row in rows}
    assert {"A question", "Grüße"} == {row["subject"] for row in rows}


def test_export_withholds_blind_copies(tmp_path):
    """Who got a blind copy of a message is not told to its receiver, but to its sender."""
    put(tmp_path, mail(SUPPORT, ADA, bcc="carl@example.org"))
    put(tmp_path, mail(ADA, SUPPORT, bcc="bob@example.org"))
    desk = Desk(subject())
    run(tmp_path, desk, "locate")
    run(tmp_path, desk, "export")
    written = b"".join(desk.package.files.values())
    assert b"carl@" not in written
    assert b"bob@" in written


def test_a_file_that_is_called_like_her_is_renamed(tmp_path):
    """An attachment's name loses the person too, and its ending is not taken for a part of the address."""
    message = mail("bob@example.org", SUPPORT)
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="ada@example.org.pdf")
    key = put(tmp_path, message)
    desk = Desk(subject())
    assert 1 == run(tmp_path, desk, "locate").total("mention")
    run(tmp_path, desk, "delete")
    (attachment,) = message_from_bytes(at(tmp_path, key).read_bytes(), policy=default).iter_attachments()
    assert ("[redacted].pdf", b"%PDF") == (attachment.get_filename(), attachment.get_content())


def test_portability_takes_what_she_sent(mails):
    """What the person provided are the messages that she sent."""
    root, _ = mails
    desk = Desk(subject())
    run(root, desk, "locate")
    assert 3 == run(root, desk, "export", provided=True).total("exported")
    assert all("ada@example.org" == row["from"].lower() for row in desk.package.tables["messages"])


def test_rectify_keeps_what_was_sent(mails):
    """Correspondence is not rewritten, and the second look does not ask for it."""
    root, _ = mails
    desk = Desk(subject())
    run(root, desk, "locate")
    before = {place: path.read_bytes() for place, path in files(root).items()}
    changes = {"user.contact.email": "ada@new.example"}
    outcome = run(root, desk, "rectify", changes=changes)
    assert len(desk.found()) == outcome.total("retained")
    assert {"correspondence is kept as it was sent"} == {one.ground for one in outcome.reasons}
    assert 0 == run(root, desk, "absent", act="rectify", changes=changes).total("hit")
    assert before == {place: path.read_bytes() for place, path in files(root).items()}


def test_mask_then_delete_still_deletes(mails):
    """Masking is not erasure: what was masked is deleted by a later delete, what is shared stays."""
    root, _ = mails
    desk = Desk(subject())
    run(root, desk, "locate")
    run(root, desk, "mask")
    assert not any(b"Ada Example" in path.read_bytes() for path in files(root).values())
    outcome = run(root, desk, "delete")
    assert (3, 3) == (outcome.total("erased"), outcome.total("redacted"))
    assert any(b"To both of you" in path.read_bytes() for path in files(root).values())


def test_subjects_of_a_window(tmp_path):
    """The people of a window are those whose mail is dated in it, each once; our own addresses are nobody's."""
    put(tmp_path, mail("Bob <bob@example.org>", SUPPORT, date="Mon, 04 May 2026 10:00:00 +0200"))
    put(tmp_path, mail(SUPPORT, "BOB@example.org, dora@example.org", date="Tue, 05 May 2026 10:00:00 +0200"))
    put(tmp_path, mail("carl@example.org", SUPPORT, date="Mon, 01 Jun 2026 10:00:00 +0200"))
    work = Desk(subject()).work(**{"from": "2026-05-04T00:00:00+02:00", "to": "2026-05-31T00:00:00+02:00"})
    people = list(connector(tmp_path).subjects(work))
    assert ["bob@example.org", "dora@example.org"] == sorted(i.value for one in people for i in one.identifiers)
    assert {one.name for one in people} <= {"", "Bob"}


def test_a_domain_is_the_clients_only_where_it_says_so(tmp_path):
    """A mailbox or contact at a provider makes nobody else there the client's: a domain is stated, or is anybody's."""
    put(tmp_path, mail(ADA, f"{SUPPORT}, colleague@acme.example"))
    put(tmp_path, mail(ADA, f"{SUPPORT}, privacy@acme.example"))
    for domains, expected in (((), ["", "shared"]), (("acme.example",), ["", ""])):
        desk = Desk(subject())
        run(tmp_path, desk, "locate", {"own_domains": domains})
        assert expected == sorted(one.fate for one in desk.notes)


def test_an_employee_is_someone_in_a_breach(tmp_path):
    """Whoever wrote or was written to is told, at whatever domain; the mailbox itself is nobody."""
    put(tmp_path, mail("carl@acme.example", SUPPORT))
    people = list(connector(tmp_path, own_domains=("acme.example",)).subjects(Desk(subject()).work()))
    assert ["carl@acme.example"] == [i.value for one in people for i in one.identifiers]


@pytest.mark.parametrize("kept", ["cur", "new"])
def test_a_mailbox_that_lost_an_empty_folder_is_searched(tmp_path, kept):
    """A restore may drop `new` or `cur`: what lies in the other is found all the same."""
    path = at(tmp_path, put(tmp_path, mail(ADA, SUPPORT)))
    (path.parent.parent / kept).mkdir(exist_ok=True)
    path.rename(path.parent.parent / kept / path.name)
    for name in {"cur", "new", "tmp"} - {kept}:
        (path.parent.parent / name).rmdir()
    desk = Desk(subject())
    assert 1 == run(tmp_path, desk, "locate").total("found")


def test_a_link_in_place_of_a_message_stops_the_search(tmp_path):
    """What is not read is never reported as searched."""
    path = at(tmp_path, put(tmp_path, mail(ADA, SUPPORT)))
    outside = tmp_path / "elsewhere"
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(Final, match="a link in place of a message"):
        run(tmp_path, Desk(subject()), "locate")


def test_a_shared_message_stays_in_use_for_the_others(tmp_path):
    """What is another person's too is not moved, and says why."""
    shared = at(tmp_path, put(tmp_path, mail(ADA, f"{SUPPORT}, bob@example.org")))
    put(tmp_path, mail(ADA, SUPPORT))
    desk = Desk(subject())
    run(tmp_path, desk, "locate")
    outcome = run(tmp_path, desk, "restrict")
    assert (1, 1, 1) == (outcome.total("restricted"), outcome.total("retained"), len(outcome.reasons))
    assert shared.exists()
    assert 0 == run(tmp_path, desk, "absent", act="restrict").total("hit")


@pytest.mark.parametrize("crash", [False, True])
def test_only_what_a_ticket_moved_is_moved_back_for_it(tmp_path, crash):
    """A message that another ticket restricted stays so when this one's restriction ends; also after a crash."""
    put(tmp_path, mail(ADA, SUPPORT))
    first, second = Desk(subject()), Desk(subject())
    run(tmp_path, first, "locate")
    run(tmp_path, first, "restrict")
    put(tmp_path, mail(ADA, SUPPORT, subject="later"))
    run(tmp_path, second, "locate")
    cursors = []
    if crash:
        connector(tmp_path).restrict(replace(second.work(), note=lambda _: None, checkpoint=cursors.append))
    connector(tmp_path).restrict(replace(second.work(), cursor=cursors[-1] if crash else ""))
    assert 1 == run(tmp_path, second, "lift").total("lifted")
    assert 0 == run(tmp_path, second, "absent", act="lift").total("hit")
    assert 0 == run(tmp_path, first, "absent", act="restrict").total("hit")
    assert 1 == run(tmp_path, first, "lift").total("lifted")


def test_the_mailbox_of_the_person_is_not_named_in_counts(tmp_path):
    """Counts and reasons are evidence: a mailbox that bears the person's address is not named in them."""
    put(tmp_path, mail("bob@example.org", ADA), ADA)
    desk = Desk(subject())
    outcome = run(tmp_path, desk, "locate")
    assert ["a mailbox of the person"] == list(outcome.counts)
    assert ADA == desk.notes[0].collection
    assert not any("ada@" in one.collection for one in run(tmp_path, desk, "absent", act="delete").reasons)


def test_plus_addresses_only_where_the_client_says_so(tmp_path):
    """`ada+shop@` is the person only under `plus_addresses`."""
    put(tmp_path, mail("ada+shop@example.org", SUPPORT))
    assert 0 == run(tmp_path, Desk(subject()), "locate").total("found", "mention")
    assert 1 == run(tmp_path, Desk(subject(plus_addresses=True)), "locate").total("found")


def test_a_missing_disk_is_not_an_empty_mailbox(tmp_path):
    """Where no mailbox stands at all, nothing may be reported as searched."""
    with pytest.raises(Final):
        run(tmp_path, Desk(subject()), "locate")
    (tmp_path / "mail").mkdir()
    with pytest.raises(Final):
        run(tmp_path, Desk(subject()), "absent", act="delete")


def test_a_key_cannot_leave_the_mailboxes(mails):
    """A note that names a place outside of the mailboxes is refused."""
    root, _ = mails
    boxes = connector(root)._mailboxes
    for key in ("../other/x", "/etc/x", f"{SUPPORT}/../../../x/y"):
        with pytest.raises(Final):
            boxes.places([key])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["From", "To", "Cc", "Bcc", "Reply-To", "Sender", "Resent-To", "resent-from"]),
    form=st.sampled_from(
        [
            "{}",
            "<{}>",
            "Ada Example <{}>",
            '"Example, Ada" <{}>',
            "{} (Ada, who else)",
            "Friends: bob@example.org, {};",
            "bob@example.org,{}",
            "=?utf-8?b?QWRh?= =?utf-8?q?_E?= <{}>",
            '"Ada <{}>',
            "Ada <{}",
            '"{}" <{}>',
            "bob@example.org {}",
            "Ada\r\n\t<{}>",
            "\udcff\udcfe <{}>",
        ]
    ),
    address=st.sampled_from(["ada@example.org", "ADA@EXAMPLE.ORG", "Ada@Example.Org"]),
    other=st.sampled_from(["jada@example.org", "ada@example.org.uk", "a.da@example.org", "ada+x@example.org"]),
)
def test_an_address_is_found_however_it_is_written(tmp_path_factory, name, form, address, other):
    """The person is found in every header that names a party, and someone almost alike never is."""
    root = tmp_path_factory.mktemp("mail")
    for number, one in enumerate((address, other)):
        head = f"{name}: {form.replace('{}', one)}\r\n\r\n\r\n".encode("ascii", "surrogateescape")
        put(root, head, name=f"{number}:2,")
    desk = Desk(subject())
    run(root, desk, "locate")
    assert [(f"{SUPPORT}/0", "subject")] == [(note.key, note.how) for note in desk.found()]
    run(root, desk, "mask")
    assert 0 == run(root, desk, "absent", act="mask").total("hit")
    assert other.encode() in at(root, f"{SUPPORT}/1").read_bytes()


def test_the_modern_policy_reads_what_is_written(mails):
    """Redacted messages are still well-formed for a strict reader."""
    root, _ = mails
    desk = Desk(subject())
    run(root, desk, "locate")
    run(root, desk, "mask")
    for path in files(root).values():
        message = message_from_bytes(path.read_bytes(), policy=default)
        assert "redacted" not in str(message["From"]) or "redacted@redacted.invalid" in str(message["From"])


@pytest.mark.parametrize("compression", [gzip, bz2, lzma])
def test_a_compressed_message_is_read_and_stays_compressed(tmp_path, compression):
    """What the mail server keeps compressed is found, redacted and deleted like any other message."""
    hers = put(tmp_path, compression.compress(mail(ADA, SUPPORT).as_bytes()))
    shared = put(tmp_path, compression.compress(mail("bob@example.org", SUPPORT, f"Ask {ADA}.").as_bytes()))
    desk = Desk(subject())
    assert {"found": 1, "mention": 1} == connector(tmp_path).locate(desk.work()).counts[SUPPORT]
    connector(tmp_path).delete(desk.work())
    assert [shared] == [f"{SUPPORT}/{base_of(path.name)}" for path in files(tmp_path).values()] != [hers]
    assert b"Ask [redacted]." in compression.decompress(at(tmp_path, shared).read_bytes())
    assert 0 == connector(tmp_path).absent(desk.work(act="delete")).total("hit")


@pytest.mark.parametrize("raw", [b"\x28\xb5\x2f\xfd\x04\x00", gzip.compress(b"From: x" * 99, mtime=0)[:25]])
def test_a_compressed_message_that_cannot_be_read_stops_the_search(tmp_path, raw):
    """Nobody can say whose it is, so the search does not end as if it were nobody's."""
    put(tmp_path, raw)
    with pytest.raises(Final, match="compressed"):
        connector(tmp_path).locate(Desk(subject()).work())


def test_attachments_that_are_not_read_are_said(tmp_path):
    """A document in a message that stays without her is residual; in other people's messages it is a reason only."""
    for text in (f"Ask {ADA}.", "Hello."):
        message = mail("bob@example.org", SUPPORT, text)
        message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="a.pdf")
        put(tmp_path, message)
    desk = Desk(subject())
    connector(tmp_path).locate(desk.work())
    deleted = connector(tmp_path).delete(desk.work())
    assert {SUPPORT: {"redacted": 1, "residual": 1}} == deleted.counts
    looked = connector(tmp_path).absent(desk.work(act="delete"))
    assert ({}, ["residual"]) == (looked.counts, [one.outcome for one in looked.reasons])


def test_what_caches_keep_is_said(tmp_path):
    """Dovecot's cache holds heads of deleted messages."""
    put(tmp_path, mail(ADA, SUPPORT))
    (tmp_path / "mail" / SUPPORT / "dovecot.index.cache").write_bytes(b"From: ada@example.org")
    desk = Desk(subject())
    connector(tmp_path).locate(desk.work())
    deleted = connector(tmp_path).delete(desk.work())
    assert ({SUPPORT: {"erased": 1}}, ["residual"]) == (deleted.counts, [one.outcome for one in deleted.reasons])


def test_the_clients_rule_may_differ_by_role(tmp_path):
    """A message that the person wrote may go, and one that went to many may stay, as the rules say."""
    put(tmp_path, mail(ADA, f"{SUPPORT}, bob@example.org"))
    kept = put(tmp_path, mail("bob@example.org", f"{ADA}, carl@example.org"))
    desk, keys = Desk(subject()), {"shared_messages": {"sender": "delete", "many": "keep"}}
    run(tmp_path, desk, "locate", keys)
    outcome = run(tmp_path, desk, "delete", keys)
    assert {SUPPORT: {"erased": 1, "retained": 1}} == outcome.counts
    assert [at(tmp_path, kept)] == list(files(tmp_path).values())
    assert 0 == run(tmp_path, desk, "absent", keys, act="delete").total("hit")


def test_other_people_are_masked_and_the_declared_rest_is_counted(tmp_path):
    """`mask_others` and `residual` hold for Maildirs too."""
    put(tmp_path, mail(ADA, f"{SUPPORT}, bob@example.org"))
    desk, keys = Desk(subject()), {"mask_others": True, "residual": "the journal keeps it for 90 days"}
    run(tmp_path, desk, "locate", keys)
    run(tmp_path, desk, "export", keys)
    assert not any(b"bob@" in content for content in desk.package.files.values())
    outcome = run(tmp_path, desk, "delete", keys)
    assert 1 == outcome.total("residual")
    assert ["the journal keeps it for 90 days"] == [one.ground for one in outcome.reasons]
