"""What the IMAP connector changes, and what it never does, whatever happens in between; on real servers."""

import re

import pytest

from shared.domain.errors import Final, Retryable
from shared.testing import Desk
from tests.mail_servers import between, dovecot_server, needs_dovecot
from tests.workers.connectors.imap_store import Store, fill, is_strangers, strangers
from tests.workers.connectors.mails import ADA, STANDS, SUPPORT, mail, said, subject

BOTH = "To both of you."


def located(store):
    """Return a desk where everything is noted."""
    desk = Desk(subject())
    store.run(desk, "locate")
    return desk


def contents(store):
    """Return what stands where; a file that was moved away and back has two numbers on pymap, and is one."""
    return {place: {one.raw for one in entries} for place, entries in store.everything().items()}


def those(store, text):
    """Return where messages with this text stand, and as what."""
    return [
        (place, entry) for place, entries in store.everything().items() for entry in entries if text in said(entry.raw)
    ]


def test_a_redacted_copy_has_the_date_and_flags_of_the_original(store):
    """In the place of a shared message stands a copy that differs only where she stood."""
    store.put(mail(ADA, f"{SUPPORT}, Bob <bob@example.org>", BOTH), "Sent", r"\Flagged \Seen")
    ((_, before),) = those(store, BOTH)
    desk = located(store)
    store.run(desk, "delete")
    (((box, folder), after),) = those(store, BOTH)
    assert ("support", "Sent") == (box, folder)
    assert (before.flags, before.date) == (after.flags, after.date)
    assert before.uid < after.uid
    lines = before.raw.splitlines()
    assert [b'From: "[redacted]" <redacted@redacted.invalid>'] == [x for x in after.raw.splitlines() if x not in lines]
    assert 0 == store.run(desk, "absent", act="delete").total("hit")


@pytest.mark.parametrize(("verb", "command"), [("mask", b"STORE"), ("delete", b"STORE"), ("mask", b"EXPUNGE")])
def test_a_crash_between_append_and_expunge_leaves_one_copy(store, verb, command):
    """A connection lost while original and copy both stand: the second run sees to it, and makes no second copy."""
    fill(store)
    before = strangers(store)
    desk = located(store)
    with between(store.server.port, cut_at=command) as port, pytest.raises(Retryable, match="was lost"):
        store.run(desk, verb, {"port": port})
    store.run(desk, verb)
    assert 1 == len(those(store, BOTH))
    assert set() == {found for raw in store.raws() for found in STANDS.findall(said(raw))}
    assert before == strangers(store)
    assert 0 == store.run(desk, "absent", act=verb).total("hit")


@pytest.mark.parametrize("times", [1, 2, 4, 7])
def test_a_delete_that_lost_its_connection_goes_on(store, times):
    """A delete is tried again wherever it broke off, and then ends as if it had not."""
    fill(store)
    before = strangers(store)
    desk = located(store)
    with between(store.server.port, cut_at=b"UID ", times=times) as port, pytest.raises(Retryable):
        store.run(desk, "delete", {"port": port})
    outcome = store.run(desk, "delete")
    assert (3, 3) == (outcome.total("erased"), outcome.total("redacted"))
    assert before == strangers(store)
    assert 0 == store.run(desk, "absent", act="delete").total("hit")


def test_a_search_that_lost_its_connection_is_tried_again(store):
    """A connection lost while reading is no empty mailbox."""
    fill(store)
    with between(store.server.port, cut_at=b"BODY.PEEK[]") as port, pytest.raises(Retryable):
        store.run(Desk(subject()), "locate", {"port": port})


def test_what_others_have_marked_is_never_expunged(store):
    """A message that someone marked as deleted stays, marked, beside what is expunged."""
    store.put(mail(ADA, SUPPORT))
    store.put(mail("bob@example.org", SUPPORT, "marked", x="stranger"), flags=r"\Deleted \Seen")
    before = strangers(store)
    assert 1 == store.run(located(store), "delete").total("erased")
    assert before == strangers(store) == store.everything()


@pytest.mark.parametrize("verb", ["delete", "mask"])
def test_without_uidplus_nothing_is_touched(store, verb):
    """A server that can not expunge by UID gets no mark and no copy; the operator is told what to do."""
    fill(store)
    before = store.everything()
    desk = located(store)
    with between(store.server.port, hide=b" UIDPLUS") as port, pytest.raises(Final, match="turn UIDPLUS on and retry"):
        store.run(desk, verb, {"port": port})
    assert before == store.everything()


def test_without_move_a_message_is_copied_then_expunged(store):
    """A server without MOVE restricts and lifts too; a crash in between leaves no second copy in the end."""
    fill(store)
    before = strangers(store)
    desk = located(store)
    with between(store.server.port, hide=b" MOVE", cut_at=b"STORE") as port, pytest.raises(Retryable):
        store.run(desk, "restrict", {"port": port})
    with between(store.server.port, hide=b" MOVE") as port:
        assert 3 == store.run(desk, "restrict", {"port": port}).total("restricted")
        assert 0 == store.run(desk, "absent", {"port": port}, act="restrict").total("hit")
        assert 1 == len(those(store, BOTH))
        store.run(desk, "lift", {"port": port})
    assert {("support", "INBOX")} == {place for place, _ in those(store, BOTH)}
    assert before == strangers(store)


def test_another_ticket_finds_what_is_restricted_and_lifts_none_of_it(store):
    """The place tells where a message came from; only what a ticket itself moved is moved back for it."""
    fill(store)
    before = contents(store)
    first = located(store)
    labels = {note.collection for note in first.notes}
    store.run(first, "restrict")
    assert {"Restricted", "Restricted/Sent", "Restricted/Sent/2026"} == {
        folder for _, folder in store.everything() if folder.startswith("Restricted")
    }
    second = located(store)
    assert labels == {note.collection for note in second.notes}
    store.run(second, "restrict")
    assert 0 == store.run(second, "lift").total("lifted")
    assert 3 == store.run(first, "lift").total("lifted")
    assert before == contents(store)


def test_what_is_restricted_can_be_erased_by_the_same_notes(store):
    """An erasure rests the data first: its notes find the messages where they were moved to."""
    fill(store)
    desk = located(store)
    store.run(desk, "restrict")
    assert 3 == store.run(desk, "delete").total("erased")
    assert set() == {found for raw in store.raws() for found in STANDS.findall(said(raw))}
    assert 0 == store.run(desk, "absent", act="delete").total("hit")


def test_mask_then_delete_still_deletes(store):
    """Masking is not erasure: what was masked is deleted by a later delete, what is shared stays."""
    fill(store)
    desk = located(store)
    store.run(desk, "mask")
    assert not any(b"Ada Example" in raw for raw in store.raws())
    outcome = store.run(desk, "delete")
    assert (3, 3) == (outcome.total("erased"), outcome.total("redacted"))
    assert sum(map(len, strangers(store).values())) + 3 == sum(map(len, store.everything().values()))


def rebuild(store, folder, first):
    """Delete a folder and make it anew with this message first, so that numbers mean other messages."""
    kept = store.entries(folder)
    store.owner().select()  # pymap ends a connection whose last folder goes
    store.owner().delete(folder)
    store.put(first, folder)
    for entry in kept:
        store.put(entry.raw, folder)


def test_a_rebuilt_folder_costs_nobody_a_message(store):
    """Under another UIDVALIDITY a number is another's message: it stays, and hers is found by its content and goes."""
    store.put(mail(ADA, SUPPORT, message_id="<1@example.org>"), "Sent")
    desk = located(store)
    rebuild(store, "Sent", mail("bob@example.org", SUPPORT, x="stranger"))
    before = strangers(store)
    assert 1 == store.run(desk, "delete").total("erased")
    assert before == strangers(store) == store.everything()
    assert 0 == store.run(desk, "absent", act="delete").total("hit")


def test_a_message_that_only_looks_alike_is_not_taken_for_it(store):
    """Under another UIDVALIDITY the same Message-ID and date are not enough: the content decides."""
    head = {"message_id": "<1@example.org>"}
    store.put(mail(ADA, SUPPORT, "Her words.", **head), "Sent")
    desk = located(store)
    store.owner().delete("Sent")
    store.put(mail("bob@example.org", SUPPORT, "Another's words.", x="stranger", **head), "Sent")
    before = strangers(store)
    store.run(desk, "delete")
    assert before == strangers(store) == store.everything()


def test_a_number_that_came_to_mean_another_message_is_not_trusted(on_pymap):
    """After a restore that kept UIDVALIDITY, the message under the number is compared before anything is done."""
    on_pymap.put(mail(ADA, SUPPORT, "Hers.", message_id="<1@example.org>"))
    desk = located(on_pymap)
    other = mail("bob@example.org", SUPPORT, "Another's.", x="stranger", message_id="<2@example.org>").as_bytes()
    (path,) = (on_pymap.server.place / "mail" / on_pymap.boxes["support"]).glob("[cn][ue][rw]/*")
    path.write_bytes(other)
    for verb in ("delete", "mask", "restrict"):
        on_pymap.run(desk, verb)
    assert [other] == [entry.raw for entry in on_pymap.entries()]


def test_gone_already_is_success(store):
    """What someone else has deleted since it was located is counted, and nothing else goes."""
    fill(store)
    before = strangers(store)
    desk = located(store)
    for folder in ("INBOX", "Sent"):
        owner = store.owner()
        owner.select(f'"{folder}"')
        for entry in store.entries(folder):
            if not is_strangers(entry):
                owner.select(f'"{folder}"')
                owner.uid("STORE", str(entry.uid), "+FLAGS", r"(\Deleted)")
                owner.uid("EXPUNGE", str(entry.uid))
    store.owner().close()
    outcome = store.run(desk, "delete")
    assert (3, 3) == (outcome.total("erased"), outcome.total("redacted"))
    assert before == strangers(store)
    assert 0 == store.run(desk, "absent", act="delete").total("hit")


def test_what_the_server_may_keep_is_said(store):
    """By default the outcome says that caches can not be seen; what is declared counts as residual, with its ground."""
    store.put(mail(ADA, SUPPORT))
    outcome = store.run(located(store), "delete")
    assert 0 == outcome.total("residual")
    assert [("residual", True)] == [(one.outcome, "cannot be seen over IMAP" in one.ground) for one in outcome.reasons]
    store.put(mail(ADA, SUPPORT))
    keys = {"residual": "the journal keeps each message for 90 days"}
    outcome = store.run(located(store), "delete", keys)
    assert 1 == outcome.total("residual")
    assert [keys["residual"]] == [one.ground for one in outcome.reasons]


@pytest.mark.processes
def test_folders_below_a_prefix_and_of_others(tmp_path):
    """Where all folders are below `INBOX.`, and in a public namespace, messages go out of use and come back."""
    needs_dovecot()
    with dovecot_server(prefix="INBOX.", separator=".") as server, Store(server) as store:
        for folder in ("INBOX", "INBOX.Sent.2026", "Public.support"):
            store.put(mail(ADA, SUPPORT), folder)
        before = sorted(store.everything())
        desk = located(store)
        address = store.boxes["support"]
        assert {f"{address}/INBOX", f"{address}/INBOX.Sent.2026", f"{address}/Public.support"} <= {
            note.collection for note in desk.notes
        }
        store.run(desk, "restrict")
        assert {"INBOX.Restricted", "INBOX.Restricted.Sent.2026", "INBOX.Restricted.Public.support"} == {
            folder for _, folder in store.everything()
        }
        assert 0 == store.run(desk, "absent", act="restrict").total("hit")
        store.run(desk, "lift")
        assert before == sorted(store.everything())
        store.run(located(store), "delete")
        assert {} == store.everything()


def test_no_command_is_a_bare_expunge(on_dovecot):
    """Between all verbs, the word EXPUNGE is only ever sent with UIDs."""
    fill(on_dovecot)
    sent = []
    with between(on_dovecot.server.port, seen=sent) as port:
        desk = Desk(subject())
        for verb in ("locate", "restrict", "lift", "mask", "delete", "absent"):
            on_dovecot.run(desk, verb, {"port": port})
    lines = [line for line in sent if b"EXPUNGE" in line.upper()]
    assert lines
    assert all(re.fullmatch(rb"\w+ UID EXPUNGE [0-9,:]+\r\n", line) for line in lines)
    assert not any(re.match(rb"\w+ CLOSE", line) for line in sent)
