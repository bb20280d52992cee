"""What the IMAP connector finds, and what the person gets of it, on real servers."""

import mailbox
import os
from contextlib import closing
from email.message import EmailMessage

import pytest

from shared.domain.errors import RightsdeskError
from shared.domain.identifier import EMAIL, Identifier, Subject
from shared.testing import Desk
from tests.mail_servers import between
from tests.workers.connectors.imap_store import UMLAUTS, fill, strangers
from tests.workers.connectors.mails import ADA, STANDS, SUPPORT, mail, said, subject


def located(store, who=None, **keys):
    """Return a desk where everything is noted."""
    desk = Desk(who or subject())
    store.run(desk, "locate", keys)
    return desk


def test_what_is_found_is_told_apart(store):
    """Her own and shared messages are found, messages that name her are mentions, counted by folder, to be read."""
    fill(store)
    desk = Desk(subject())
    outcome = store.run(desk, "locate")
    support, sales = store.boxes.values()
    assert {
        f"{support}/INBOX": {"found": 2, "mention": 1},
        f"{support}/Sent": {"found": 1},
        f"{support}/Ärger 2026": {"mention": 1},
        f"{sales}/Sent/2026": {"found": 1},
    } == outcome.counts
    assert ["", "", "", "", "", "shared"] == sorted(note.fate for note in desk.notes)
    assert {"ada example", "ada exämple"} == outcome.names


def test_reading_leaves_no_trace(store):
    """Neither a search nor an export marks a message as read."""
    fill(store)
    before = store.everything()
    desk = located(store)
    store.run(desk, "export")
    store.run(desk, "absent", act="delete")
    assert before == store.everything()


def letters():
    """Yield the ways in which an address may stand in a message, and what the message then is to the person."""
    yield "bcc", mail("eve@example.org", SUPPORT, bcc="Ada <ADA@example.org>"), "subject"
    yield "reply-to", mail("form@acme.example", SUPPORT, reply_to=ADA), "subject"
    yield "resent", mail("eve@example.org", SUPPORT, resent_to=ADA), "subject"
    raw = mail("eve@example.org", SUPPORT).as_bytes()
    yield "encoded words", raw.replace(b"A question", b"=?utf-8?b?YWRhQGV4YW1wbGU=?= =?utf-8?q?=2Eorg?="), "mention"
    inner = EmailMessage()
    inner["From"], inner["To"] = "eve@example.org", SUPPORT
    inner.add_attachment(mail(ADA, "carl@example.org"))
    outer = mail("eve@example.org", SUPPORT)
    outer.add_attachment(inner)
    yield "nested twice", outer, "mention"
    page = mail("eve@example.org", SUPPORT)
    page.add_alternative("<p>ada@<b>exam</b>ple.org</p>", subtype="html", cte="base64")
    yield "base64 html", page, "mention"
    packed = raw.replace(b"7bit", b"quoted-printable").replace(b"Hello.", b"ada=40exam=\nple.org")
    yield "quoted-printable", packed, "mention"
    for kind, name, text in (
        ("csv", "list.csv", "name,mail\nAda,ada@example.org\n"),
        ("calendar", "call.ics", "ATTENDEE:mailto:ada@exam\n ple.org\n"),
        ("vcard", "card.vcf", "EMAIL:ada@example.org\n"),
    ):
        message = mail("eve@example.org", SUPPORT)
        message.add_attachment(text.encode(), maintype="text", subtype=kind, filename=name)
        yield name, message, "mention"
    yield "bob of jimbob", mail("jimada@example.org", SUPPORT, "xada@example.org, ada@example.org.uk"), ""
    yield "plus", mail("ada+shop@example.org", SUPPORT, "ada+x@example.org"), ""


@pytest.mark.parametrize(("message", "how"), [one[1:] for one in letters()], ids=[one[0] for one in letters()])
def test_she_is_seen_wherever_she_stands(on_pymap, message, how):
    """Each place is seen, an address almost alike never is, and a mask leaves nothing of her and all of the others."""
    on_pymap.put(message)
    desk = located(on_pymap)
    assert [how] * bool(how) == [note.how for note in desk.notes]
    on_pymap.run(desk, "mask")
    assert 0 == on_pymap.run(desk, "absent", act="mask").total("hit")
    assert not (how and any(STANDS.search(said(raw)) for raw in on_pymap.raws()))
    assert 1 == len(on_pymap.raws())


def test_plus_addresses_only_where_the_client_says_so(store):
    """`ada+shop@` is the person only under `plus_addresses`."""
    store.put(mail("ada+shop@example.org", SUPPORT))
    assert [] == located(store).notes
    assert ["subject"] == [note.how for note in located(store, subject(plus_addresses=True)).notes]


ODD = ["Sent/a&-b", "2026", "007", UMLAUTS + "/&Jjo-", "x [y] (z)", "we'ird", "deep/er/and/deeper", "Restricted 2"]


def test_all_folders_are_searched(store):
    """Folders with odd names, below folders that can not be opened, are searched, erased, and restricted and lifted."""
    for name in ODD:
        store.put(mail(ADA, SUPPORT), name)
    before = sorted(store.everything())
    desk = located(store)
    assert len(ODD) == len(desk.notes)
    assert len(ODD) == store.run(desk, "restrict").total("restricted")
    assert all(folder.startswith("Restricted/") for _, folder in store.everything())
    store.run(desk, "lift")
    assert before == sorted(store.everything())
    desk = located(store)
    store.run(desk, "delete")
    assert {} == store.everything()


def test_a_message_in_two_folders_goes_from_both(store):
    """A copy in another folder or mailbox is a message of its own."""
    message = mail(ADA, SUPPORT, message_id="<1@example.org>")
    store.put(message)
    store.put(message)
    store.put(message, "Sent")
    store.put(message, box="sales")
    desk = located(store)
    assert 4 == store.run(desk, "export").total("exported") == len(desk.package.files) - 1
    assert 4 == store.run(desk, "delete").total("erased")
    assert {} == store.everything()


def test_a_public_folder_is_searched_too(on_dovecot):
    """Another namespace is part of what a login sees; what is restricted there goes where the public does not look."""
    on_dovecot.put(mail(ADA, SUPPORT), "Public/support")
    desk = located(on_dovecot, mailboxes=[on_dovecot.boxes["support"]])
    keys = {"mailboxes": [on_dovecot.boxes["support"]]}
    assert 1 == on_dovecot.run(desk, "restrict", keys).total("restricted")
    assert [("support", "Restricted/Public/support")] == list(on_dovecot.everything())
    on_dovecot.run(desk, "lift", keys)
    assert {"Public/support"} == {folder for _, folder in on_dovecot.everything()}
    on_dovecot.run(located(on_dovecot), "delete")
    assert {} == on_dovecot.everything()


def test_a_folder_that_can_not_be_opened_is_no_empty_folder(on_dovecot):
    """What could not be searched is never reported as searched."""
    on_dovecot.put(mail(ADA, SUPPORT), "Sent")
    folder = on_dovecot.server.place / "mail" / on_dovecot.boxes["support"] / "Maildir" / ".Sent"
    mode = folder.stat().st_mode
    folder.chmod(0)
    try:
        with pytest.raises(RightsdeskError, match="the mail server"):
            on_dovecot.run(Desk(subject()), "locate")
    finally:
        folder.chmod(mode)


def test_more_messages_than_are_asked_for_together(on_dovecot):
    """Windows and batches meet without a gap: each message is found, exported and erased once, and no other."""
    folder = on_dovecot.server.place / "mail" / on_dovecot.boxes["support"] / "Maildir" / "cur"
    on_dovecot.put(mail("bob@example.org", SUPPORT, x="stranger"))
    owner = folder.stat()
    for number in range(1203):
        whose = ADA if number % 2 else "bob@example.org"
        path = folder / f"{1_777_000_000 + number}.M{number}P1.host:2,S"
        path.write_bytes(mail(whose, SUPPORT, f"Number {number}.", x="stranger" if whose != ADA else "hers").as_bytes())
        os.chown(path, owner.st_uid, owner.st_gid)
    before = strangers(on_dovecot)
    assert 603 == sum(map(len, before.values()))
    desk = located(on_dovecot)
    assert 601 == len({note.key for note in desk.notes})
    assert 601 == on_dovecot.run(desk, "export").total("exported")
    assert 601 == on_dovecot.run(desk, "delete").total("erased")
    assert before == on_dovecot.everything()
    assert 0 == on_dovecot.run(desk, "absent", act="delete").total("hit")


RULES = [
    ("delete", {"sender": "erased", "recipient": "erased", "many": "erased"}),
    ("keep", {"sender": "retained", "recipient": "retained", "many": "retained"}),
    ({}, {"sender": "redacted", "recipient": "redacted", "many": "redacted"}),
    ({"sender": "delete", "many": "keep"}, {"sender": "erased", "recipient": "redacted", "many": "retained"}),
]


@pytest.mark.parametrize(("rules", "expected"), RULES)
def test_the_clients_rule_decides_by_role(on_pymap, rules, expected):
    """Who wrote a message, was its only recipient or one of many may be treated apart, and the second look agrees."""
    on_pymap.put(mail(ADA, f"{SUPPORT}, bob@example.org", "As sender."), "sender")
    on_pymap.put(mail("bob@example.org", f"{SUPPORT}, {ADA}", "As recipient."), "recipient")
    on_pymap.put(mail("bob@example.org", f"{ADA}, carl@example.org", "One of many."), "many")
    on_pymap.put(mail(SUPPORT, ADA, "Nobody else."), "alone")
    keys = {"shared_messages": rules}
    desk = located(on_pymap, **keys)
    outcome = on_pymap.run(desk, "delete", keys)
    by_folder = {name.rpartition("/")[2]: next(iter(counts)) for name, counts in outcome.counts.items()}
    assert expected | {"alone": "erased"} == by_folder
    assert 0 == on_pymap.run(desk, "absent", keys, act="delete").total("hit")


def test_what_is_kept_may_be_moved_by_someone(on_pymap):
    """A message that is rightly kept is known by its content, though an agent files it elsewhere meanwhile."""
    on_pymap.put(mail(ADA, f"{SUPPORT}, bob@example.org"))
    on_pymap.put(mail(SUPPORT, "carl@example.org"), "Archive")
    keys = {"shared_messages": "keep"}
    desk = located(on_pymap, **keys)
    on_pymap.run(desk, "delete", keys)
    on_pymap.owner().select()
    on_pymap.owner().uid("MOVE", "1", "Archive")
    on_pymap.owner().select()
    assert 0 == on_pymap.run(desk, "absent", keys, act="delete").total("hit")


def test_an_export_is_eml_and_mbox_with_an_index(store, tmp_path):
    """Each message is a file and stands in the mbox, unchanged; the index names the files."""
    fill(store)
    store.put(mail(ADA, SUPPORT, "From here on\n>From there\n"))
    desk = located(store)
    store.run(desk, "export")
    rows = desk.package.tables["messages"]
    box = desk.package.files.pop("messages.mbox")
    assert {row["file"] for row in rows} == set(desk.package.files)
    assert 5 == len(rows)
    (tmp_path / "box").write_bytes(box)
    with closing(mailbox.mbox(tmp_path / "box", create=False)) as read:
        entries = [one.as_bytes().rstrip() for one in read]
    files = [raw.replace(b"\r\n", b"\n").rstrip() for raw in desk.package.files.values()]
    assert sorted(files) == sorted(one.replace(b"\n>From", b"\nFrom").replace(b"\n>>", b"\n>") for one in entries)
    assert box.startswith(b"From MAILER-DAEMON Mon May 04 08:00:00 2026\n")


def test_other_people_are_masked_where_the_client_asks(store):
    """With `mask_others` no address or name of anyone else stands in the copies; hers and the vendor's do."""
    text = "Bob Builder (bob@example.org) and ada@example.org."
    store.put(mail(ADA, f"{SUPPORT}, Bob Builder <bob@example.org>", text))
    desk = located(store)
    store.run(desk, "export", {"mask_others": True})
    for content in desk.package.files.values():
        assert b"bob@" not in content
        assert b"Bob Builder" not in content
        assert b"ada@example.org" in content
        assert SUPPORT.encode() in content
    plain = located(store)
    store.run(plain, "export")
    assert all(b"bob@example.org" in content for content in plain.package.files.values())


def test_portability_takes_what_she_sent(store):
    """What the person provided are the messages that she sent, in the mbox too."""
    fill(store)
    desk = located(store)
    assert 3 == store.run(desk, "export", provided=True).total("exported")
    assert 3 == desk.package.files["messages.mbox"].count(b"From MAILER-DAEMON ")


def test_the_mailbox_of_the_person_is_not_named_in_counts(store):
    """A mailbox that bears the person's address is not named in counts and reasons."""
    mine = Subject(frozenset({Identifier(EMAIL, store.boxes["support"])}))
    store.put(mail("bob@example.org", store.boxes["support"]))
    desk = Desk(mine)
    assert ["a mailbox of the person"] == list(store.run(desk, "locate").counts)
    assert ["a mailbox of the person"] == [one.collection for one in store.run(desk, "absent", act="delete").reasons]


def test_subjects_of_a_window(store):
    """The people of a window are those whose mail is dated in it, each once; the mailbox itself is nobody."""
    box = store.boxes["support"]
    store.put(mail("Bob <bob@example.org>", box, date="Mon, 04 May 2026 10:00:00 +0200"))
    store.put(mail(box, "BOB@example.org, dora@example.org", date="Tue, 05 May 2026 10:00:00 +0200"))
    store.put(mail("carl@example.org", box, date="Mon, 01 Jun 2026 10:00:00 +0200"))
    window = {"from": "2026-05-04T00:00:00+02:00", "to": "2026-05-31T00:00:00+02:00"}
    people = store.run(Desk(subject()), "subjects", **window)
    assert ["bob@example.org", "dora@example.org"] == sorted(i.value for one in people for i in one.identifiers)


def test_a_server_without_namespaces_is_searched(on_dovecot):
    """Namespaces are asked for only where a server has them."""
    fill(on_dovecot)
    with between(on_dovecot.server.port, hide=b" NAMESPACE") as port:
        assert 6 == len(located(on_dovecot, port=port).notes)
