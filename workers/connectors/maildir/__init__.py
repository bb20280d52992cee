"""Mailboxes on disk: every Maildir below a path, at any depth, Maildir++ folders too (`connector = "maildir"`).

A message belongs to the person whose address stands in its headers. If other people stand there too, it is theirs
as well: an erasure then leaves it without the person (`shared_messages`). A message of other people that names the
person in its text is a mention: redacted, never deleted. Correspondence is not rectified: it was sent as it is.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from functools import cached_property
from hashlib import blake2b
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from shared import mime
from shared.domain.identifier import EMAIL, Identifier, Subject, normalise
from shared.domain.outcome import Found, Outcome
from shared.freetext import stands_in
from shared.inventory import Client, System
from shared.ports import Affected, Finding, Work
from workers.connectors.maildir.folders import Mailboxes, Place, reachable
from workers.connectors.maildir.index import COLUMNS, file_name, row
from workers.connectors.maildir.letters import Letter, Reader, sent_at

_BATCH = 500  # notes whose messages are looked for together
_KEPT = "the message is other people's too, and is kept whole"
_AS_SENT = "correspondence is kept as it was sent"


class MaildirSettings(BaseModel):
    """What the inventory says of a `maildir` system.

    `own_domains`: whose addresses are nobody's but the vendor's and the client's; by default the domains of the
    mailboxes' names and of the client's contact.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: str
    shared_messages: Literal["delete", "redact", "keep"] = "redact"
    restricted_folder: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]*$")] = "Restricted"
    own_domains: tuple[str, ...] | None = None
    datamap: str | None = None


class Maildir:
    """Every Maildir below a path."""

    name: ClassVar[str] = "maildir"
    Settings: ClassVar[type[BaseModel]] = MaildirSettings

    def __init__(self, system: System, client: Client, settings: MaildirSettings) -> None:
        self._client = client
        self._settings = settings
        self._mailboxes = Mailboxes(system.folder / settings.path, settings.restricted_folder)

    def close(self) -> None:
        """Nothing is held open."""

    def locate(self, work: Work) -> Outcome:
        """Note the messages of the person, those shared with other people, and mentions."""
        outcome, reader = Outcome(), self._reader(work.subject)
        for place, raw, letter in self._letters(reader):
            if not letter.how:
                continue
            folder = folder_of(place.key)
            fate = "shared" if letter.shared and self._settings.shared_messages != "delete" else ""
            digest = hmac.new(work.key, raw, "sha256").hexdigest()
            work.note(Found(folder, place.key, how=letter.how, fate=fate, digest=digest))
            outcome.count(_label(folder, work.subject), "found" if letter.how == "subject" else "mention")
            outcome.names |= letter.names
        return outcome

    def export(self, work: Work) -> Outcome:
        """Write the person's messages as .eml files, and an index of them as rows."""
        outcome, reader = Outcome(), self._reader(work.subject)
        rows = self._exported(work, reader, outcome)
        if first := next(rows, None):
            work.package.rows("messages", COLUMNS, chain([first], rows))
        return outcome

    def delete(self, work: Work) -> Outcome:
        """Delete the person's messages; from those of other people too, and from mentions, take the person out."""
        outcome, reader = Outcome(), self._reader(work.subject)
        for note, places in self._noted(work):
            collection = _label(note.collection, work.subject)
            act = self._act_on(note)
            if act == "retained":
                outcome.count(collection, "retained")
                outcome.because(collection, "retained", _KEPT)
            elif act == "redacted":
                with reachable():
                    self._mailboxes.rewrite(note.key, places, reader.redacted)
                outcome.count(collection, "redacted")
            else:
                with reachable():
                    self._mailboxes.remove(note.key, places)
                outcome.count(collection, "erased")
            if act != "erased":
                work.note(replace(note, fate=act))
        return outcome

    def mask(self, work: Work) -> Outcome:
        """Take the person out of every message noted."""
        outcome, reader = Outcome(), self._reader(work.subject)
        for note, places in self._noted(work):
            with reachable():
                self._mailboxes.rewrite(note.key, places, reader.redacted)
            outcome.count(_label(note.collection, work.subject), "masked")
            if not note.fate:  # that a message is shared must not be forgotten: masked, it does not tell any more
                work.note(replace(note, fate="masked"))
        return outcome

    def rectify(self, work: Work) -> Outcome:
        """Change nothing, and say why."""
        outcome = Outcome()
        for note in work.found():
            outcome.because(_label(note.collection, work.subject), "retained", _AS_SENT)
        return outcome

    def restrict(self, work: Work) -> Outcome:
        """Move the person's messages to the restricted folder of their mailbox."""
        return self._moved(work, restricted=True)

    def lift(self, work: Work) -> Outcome:
        """Move the person's messages back to where they came from."""
        return self._moved(work, restricted=False)

    def subjects(self, work: Work) -> Iterator[Affected]:
        """Stream everyone who wrote or was written to in the window, by the messages' own dates."""
        start, end = (_moment(work.args.get(name)) for name in ("from", "to"))
        seen: set[bytes] = set()
        with reachable():
            for place in self._mailboxes.messages():
                if (raw := self._mailboxes.read(place)) is None:
                    continue
                message = mime.parse(raw)
                at = sent_at(message)
                if at is None or ((start is None or start <= at) and (end is None or at <= end)):
                    yield from self._affected(message, seen)

    def absent(self, work: Work) -> Outcome:
        """Look again: for what was noted, and in every message for the person's identifiers."""
        outcome = Outcome()
        act = work.args.get("act", "delete")
        if act in {"restrict", "lift"}:
            self._look_where(work, outcome, restricted=act == "restrict")
        elif act in {"delete", "mask"}:
            self._look_everywhere(work, outcome, gone=act == "delete")
        return outcome

    def check(self) -> Iterator[Finding]:
        """See whether every mailbox may be read and changed; their names, which may be people's, stay out."""
        with reachable():
            number, unread, fixed = self._mailboxes.closed()
        todo = "give the worker's user the rights on cur, new, tmp and the folder itself"
        for count, done in ((unread, "read"), (fixed, "changed")):
            if count:
                yield Finding("error", f"{count} of {number} mailboxes", f"may not be {done}", todo)

    def _look_where(self, work: Work, outcome: Outcome, *, restricted: bool) -> None:
        for note, places in self._noted(work):
            if note.how == "subject" and any(place.restricted != restricted for place in places):
                _hit(outcome, note.collection, work.subject, "a message stands where it must not be used")

    def _look_everywhere(self, work: Work, outcome: Outcome, *, gone: bool) -> None:
        fates = {note.key: self._act_on(note) if gone else note.fate for note in work.found()}
        for place, _, letter in self._letters(self._reader(work.subject)):
            fate = fates.get(place.key)
            if fate == "retained":
                continue
            if fate == "erased":
                _hit(outcome, folder_of(place.key), work.subject, "a message that was to go still stands")
            elif letter.how:
                _hit(outcome, folder_of(place.key), work.subject, letter.where)

    def _act_on(self, note: Found) -> str:
        if note.fate == "retained":
            return note.fate
        if note.how == "mention" or note.fate == "redacted":
            return "redacted"
        if note.fate == "shared" and self._settings.shared_messages != "delete":
            return "redacted" if self._settings.shared_messages == "redact" else "retained"
        return "erased"

    def _moved(self, work: Work, *, restricted: bool) -> Outcome:
        outcome = Outcome()
        for note, places in self._noted(work):
            if note.how == "subject" and places:
                with reachable():
                    self._mailboxes.move(note.key, places, restricted=restricted)
                outcome.count(_label(note.collection, work.subject), "restricted" if restricted else "lifted")
        return outcome

    def _exported(self, work: Work, reader: Reader, outcome: Outcome) -> Iterator[Mapping[str, Any]]:
        for note, places in self._noted(work):
            if note.how != "subject" or not places:
                continue
            with reachable():
                raw = self._mailboxes.read(places[0])
            letter = reader.read(raw) if raw is not None else Letter("")
            if raw is None or (work.args.get("provided") and not letter.sent):
                continue
            content = reader.disclosable(raw, sent=letter.sent)
            name = file_name(note.key)
            work.package.file(name, content)
            outcome.count(_label(note.collection, work.subject), "exported")
            yield row(content, name, reader, work.key)

    def _affected(self, message: Message, seen: set[bytes]) -> Iterator[Affected]:
        for party in mime.parties(message):
            one = normalise(EMAIL, party.address, plus_addresses=self._client.plus_addresses)
            if one is None or one.value == mime.NOBODY or self._is_own(one):
                continue
            mark = blake2b(one.value.encode("utf-8", "replace"), digest_size=16).digest()
            if mark not in seen:
                seen.add(mark)
                yield Affected(frozenset({one}), party.name, frozenset({"user.contact.email", "user.content.private"}))

    def _letters(self, reader: Reader) -> Iterator[tuple[Place, bytes, Letter]]:
        with reachable():
            for place in self._mailboxes.messages():
                if (raw := self._mailboxes.read(place)) is not None:
                    yield place, raw, reader.read(raw)

    def _noted(self, work: Work) -> Iterator[tuple[Found, list[Place]]]:
        notes = iter(work.found())
        while batch := list(islice(notes, _BATCH)):
            with reachable():
                places = self._mailboxes.places(note.key for note in batch)
            yield from ((note, places.get(note.key, [])) for note in batch)

    def _reader(self, subject: Subject) -> Reader:
        return Reader(subject, self._is_own)

    def _is_own(self, one: Identifier) -> bool:
        return one in self._own[0] or one.value.rpartition("@")[2] in self._own[1]

    @cached_property
    def _own(self) -> tuple[frozenset[Identifier], frozenset[str]]:
        """The mailboxes' addresses, and the domains whose addresses are the vendor's and the client's."""
        with reachable():
            folders = self._mailboxes.folders()
        parts = {part for folder in folders for part in PurePosixPath(folder.origin).parts}
        own = frozenset(one for part in parts if (one := normalise(EMAIL, part)))
        contact = normalise(EMAIL, self._client.contact)
        domains = {one.value.rpartition("@")[2] for one in (*own, *([contact] if contact else []))}
        return own, frozenset(one.casefold() for one in self._settings.own_domains or domains)


def folder_of(key: str) -> str:
    """Return the folder of origin that a key names."""
    return key.rpartition("/")[0]


def _label(folder: str, subject: Subject) -> str:
    """Return a folder's name for counts and reasons; a mailbox may be the person's own, and bear their address."""
    spans = stands_in(folder, subject)
    return folder if not spans else "a mailbox of the person"


def _hit(outcome: Outcome, folder: str, subject: Subject, ground: str) -> None:
    outcome.count(_label(folder, subject), "hit")
    outcome.because(_label(folder, subject), "hit", ground)


def _moment(raw: Any) -> datetime | None:
    if not raw:
        return None
    moment = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


CONNECTOR = Maildir
