"""The verbs of a connector of mailboxes, whatever keeps them.

A message belongs to the person whose address stands in its headers. If other people stand there too, it is theirs
as well: an erasure then does what the client's rule says (`shared_messages`). A message of other people that names
the person in its text is a mention: redacted, never deleted. Correspondence is not rectified: it was sent as it is.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from io import BufferedReader
from itertools import chain, islice
from typing import Any, NamedTuple

from shared import mime
from shared.domain.identifier import Subject
from shared.domain.outcome import Found, Outcome
from shared.freetext import stands_in
from shared.inventory import Client
from shared.mail.index import COLUMNS, row
from shared.mail.kept import Mailboxes, Noted, Place
from shared.mail.letters import Reader, sent_at
from shared.mail.mbox import Stream, entry
from shared.mail.people import affected
from shared.mail.settings import MailSettings
from shared.own import Own
from shared.ports import Affected, Work
from shared.restriction import LIFTED, RESTRICTED, PutAside

_BATCH = 500  # notes whose messages are looked for together
_KEPT = "the message is other people's too, and is kept whole"
_IN_USE = "the message is other people's too, and stays in use for them"
_UNREAD = "attachments that are not read (documents, archives) stay, and may name the person"
_UNREAD_OF_OTHERS = "attachments in other people's messages are not read (documents, archives), and may name the person"
_SHARED = frozenset({"shared", "kept"})
_AS_SENT = "correspondence is kept as it was sent"
_FATES = {"delete": "", "redact": "shared", "keep": "kept"}  # what locate writes down, and a person approves


class _As(NamedTuple):
    """A message as it was redacted: by which digest it is known again."""

    digest: str
    unread: bool = False


class Correspondence(Mailboxes):
    """The verbs; a kind of mailbox adds where messages stand and how they are changed."""

    def __init__(self, client: Client, settings: MailSettings) -> None:
        self._client = client
        self._mail = settings

    def locate(self, work: Work) -> Outcome:
        """Note the messages of the person, those shared with other people, and mentions."""
        outcome, reader = Outcome(), self._reader(work.subject)
        for place, raw in self._messages():
            letter = reader.read(raw)
            if letter.how:
                fate = _FATES[self._mail.shared_messages.of(letter.role)] if letter.shared else ""
                work.note(Found(place.folder, place.key, how=letter.how, fate=fate, digest=_digest(work, raw)))
                outcome.count(label(place.folder, work.subject), "found" if letter.how == "subject" else "mention")
                outcome.names |= letter.names
        return outcome

    def export(self, work: Work) -> Outcome:
        """Write the person's messages as .eml files, an mbox of them, and an index as rows."""
        outcome, reader = Outcome(), self._reader(work.subject)
        rows = self._exported(work, reader, outcome)
        if first := next(rows, None):
            work.package.rows("messages", COLUMNS, chain([first], rows))
            work.package.file("messages.mbox", BufferedReader(Stream(self._entries(work, reader))))
        return outcome

    def delete(self, work: Work) -> Outcome:
        """Delete the person's messages; from those of other people too, and from mentions, take the person out."""
        outcome, reader = Outcome(), self._reader(work.subject)
        for batch in self._noted(work):
            acts = [(note, places, _act_on(note)) for note, places in batch]
            redacted = [(note, places) for note, places, act in acts if act == "redacted"]
            became = self._redacted(work, reader, redacted)
            self._remove([(note.key, places) for note, places, act in acts if act == "erased"])
            for note, _, act in acts:
                self._count_deleted(outcome, label(note.collection, work.subject), act)
                if act == "redacted":
                    self._count_unread(outcome, note, work, became)
                    work.note(replace(note, fate=act, digest=became.get(note.digest, _As(note.digest)).digest))
        return outcome

    def mask(self, work: Work) -> Outcome:
        """Take the person out of every message noted."""
        outcome, reader = Outcome(), self._reader(work.subject)
        for batch in self._noted(work):
            became = self._redacted(work, reader, batch)
            for note, _ in batch:
                outcome.count(label(note.collection, work.subject), "masked")
                self._count_unread(outcome, note, work, became)
                # that a message is shared must not be forgotten: masked, it does not tell any more
                work.note(
                    replace(note, fate=note.fate or "masked", digest=became.get(note.digest, _As(note.digest)).digest)
                )
        return outcome

    def rectify(self, work: Work) -> Outcome:
        """Change nothing, and say why."""
        outcome = Outcome()
        for note in work.found():
            outcome.count(label(note.collection, work.subject), "retained")
            outcome.because(label(note.collection, work.subject), "retained", _AS_SENT)
        return outcome

    def restrict(self, work: Work) -> Outcome:
        """Move the person's messages, and nobody else's, to the restricted folder of their mailbox."""
        outcome, aside = Outcome(), PutAside(work)
        for batch in self._noted(work):
            standing = [(note, places) for note, places in batch if note.how == "subject" and places]
            ours = {note.key: (note, places) for note, places in standing if note.fate not in _SHARED}
            fresh = [key for key, (_, at) in ours.items() if key in aside or not all(place.restricted for place in at)]
            aside.begin(fresh)
            self._move([(key, places) for key, (_, places) in ours.items()], restricted=True)
            for key in fresh:
                work.note(replace(ours[key][0], fate=RESTRICTED))
            for note, _ in standing:
                self._count_restricted(outcome, label(note.collection, work.subject), ours=note.key in ours)
        return outcome

    def lift(self, work: Work) -> Outcome:
        """Move back to where they came from those messages that the restriction had moved."""
        outcome = Outcome()
        for batch in self._noted(work):
            moved = [(note, places) for note, places in batch if places and self._was_moved(work, note, places)]
            self._move([(note.key, places) for note, places in moved], restricted=False)
            for note, _ in moved:
                outcome.count(label(note.collection, work.subject), "lifted")
                work.note(replace(note, fate=LIFTED))
        return outcome

    def subjects(self, work: Work) -> Iterator[Affected]:
        """Stream everyone who wrote or was written to in the window, by the messages' own dates."""
        start, end = (_moment(work.args.get(name)) for name in ("from", "to"))
        seen: set[bytes] = set()
        for _, raw in self._messages():
            message = mime.parse(raw)
            at = sent_at(message)
            if at is None or ((start is None or start <= at) and (end is None or at <= end)):
                yield from affected(message, seen, self._own, plus_addresses=self._client.plus_addresses)

    def absent(self, work: Work) -> Outcome:
        """Look again: for what was noted, and in every message for the person's identifiers."""
        outcome = Outcome()
        act = work.args.get("act", "delete")
        if act in {"restrict", "lift"}:
            self._look_where(work, outcome, restricted=act == "restrict")
        elif act in {"delete", "mask"}:
            self._look_everywhere(work, outcome, gone=act == "delete")
        return outcome

    def _look_where(self, work: Work, outcome: Outcome, *, restricted: bool) -> None:
        for note, places in chain.from_iterable(self._noted(work)):
            lifted = note.fate == LIFTED or self._was_moved(work, note, places)
            mine = note.fate not in _SHARED if restricted else lifted
            if note.how == "subject" and mine and any(place.restricted != restricted for place in places):
                _hit(outcome, note.collection, work.subject, "a message stands where it must not be used")

    def _look_everywhere(self, work: Work, outcome: Outcome, *, gone: bool) -> None:
        notes = list(work.found())
        fates = {note.key: _act_on(note) if gone else note.fate for note in notes}
        kept = {note.digest for note in notes if fates[note.key] == "retained"}  # by its content: someone may move it
        reader = self._reader(work.subject)
        for place, raw in self._messages():
            fate, letter = fates.get(place.key), reader.read(raw)
            if fate == "retained" or (letter.how and kept and _digest(work, raw) in kept):
                continue
            if fate == "erased":
                _hit(outcome, place.folder, work.subject, "a message that was to go still stands")
            elif letter.how:
                _hit(outcome, place.folder, work.subject, letter.where)
            elif letter.unread and not fate:
                # not counted: any mailbox has some, and no erasure would ever be whole
                outcome.because(label(place.folder, work.subject), "residual", _UNREAD_OF_OTHERS)

    def _count_deleted(self, outcome: Outcome, collection: str, act: str) -> None:
        outcome.count(collection, act)
        if act == "retained":
            outcome.because(collection, "retained", _KEPT)
        elif self._mail.residual:
            outcome.count(collection, "residual")
            outcome.because(collection, "residual", self._mail.residual)

    def _count_unread(self, outcome: Outcome, note: Found, work: Work, became: Mapping[str, "_As"]) -> None:
        if note.digest in became and became[note.digest].unread:
            outcome.count(label(note.collection, work.subject), "residual")
            outcome.because(label(note.collection, work.subject), "residual", _UNREAD)

    def _redacted(self, work: Work, reader: Reader, batch: Noted) -> dict[str, "_As"]:
        """Take the person out of these messages; return what they became, by the digests that they had."""
        became: dict[str, _As] = {}

        def change(raw: bytes) -> bytes:
            after = reader.redacted(raw)
            became[_digest(work, raw)] = _As(_digest(work, after), unread=reader.read(raw).unread)
            return after

        self._rewrite([(note.key, places) for note, places in batch], change)
        return became

    def _was_moved(self, work: Work, note: Found, places: Sequence[Place]) -> bool:
        """Say whether a restriction that ends had moved a message; where keys change with a move, none tells which."""
        unknown = bool(work.args.get("of")) and not self.keys_last and note.how == "subject" and not note.fate
        return note.fate == RESTRICTED or (unknown and any(place.restricted for place in places))

    def _count_restricted(self, outcome: Outcome, collection: str, *, ours: bool) -> None:
        outcome.count(collection, "restricted" if ours else "retained")
        if not ours:
            outcome.because(collection, "retained", _IN_USE)

    def _exported(self, work: Work, reader: Reader, outcome: Outcome) -> Iterator[Mapping[str, Any]]:
        for note, raw, shown in self._theirs(work, reader):
            name = self._file_name(note)
            work.package.file(name, shown)
            outcome.count(label(note.collection, work.subject), "exported")
            yield row(raw, name, reader, work.key)

    def _entries(self, work: Work, reader: Reader) -> Iterator[bytes]:
        for _, raw, shown in self._theirs(work, reader):
            yield entry(shown, sent_at(mime.parse(raw)))

    def _theirs(self, work: Work, reader: Reader) -> Iterator[tuple[Found, bytes, bytes]]:
        """Yield the messages that the person gets, as they are and as they are shown to the person."""
        for batch in self._noted(work):
            notes = {note.key: note for note, _ in batch}
            for key, raw in self._contents([(note.key, at) for note, at in batch if note.how == "subject" and at]):
                sent = reader.read(raw).sent
                if sent or not work.args.get("provided"):
                    shown = reader.disclosable(raw, sent=sent)
                    yield notes[key], raw, reader.without_others(shown) if self._mail.mask_others else shown

    def _noted(self, work: Work) -> Iterator[Noted]:
        notes = iter(work.found())
        find = self._finder(partial(_same, work))
        while batch := list(islice(notes, _BATCH)):
            places = find(batch)
            yield [(note, places.get(note.key, ())) for note in batch]

    def _reader(self, subject: Subject) -> Reader:
        return Reader(subject, self._own)

    @cached_property
    def _own(self) -> Own:
        return Own(self._client, self._mail.own_domains, self._owners())


def label(folder: str, subject: Subject) -> str:
    """Return a folder's name for counts and reasons; a mailbox may be the person's own, and bear their address."""
    return folder if not stands_in(folder, subject) else "a mailbox of the person"


def _act_on(note: Found) -> str:
    if note.fate in {"kept", "retained"}:
        return "retained"
    return "redacted" if note.how == "mention" or note.fate in {"shared", "redacted"} else "erased"


def _digest(work: Work, raw: bytes) -> str:
    """Return the commitment to a message, whatever line ends a server gives it."""
    return hmac.new(work.key, raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), "sha256").hexdigest()


def _same(work: Work, note: Found, raw: bytes) -> bool:
    return hmac.compare_digest(note.digest, _digest(work, raw))


def _hit(outcome: Outcome, folder: str, subject: Subject, ground: str) -> None:
    outcome.count(label(folder, subject), "hit")
    outcome.because(label(folder, subject), "hit", ground)


def _moment(raw: Any) -> datetime | None:
    if not raw:
        return None
    moment = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
