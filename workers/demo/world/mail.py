"""The mail store: Maildirs with threads, attachments, encoded words, HTML parts, and third parties."""

from datetime import datetime, timedelta
from email.header import Header
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from workers.demo.world.ledger import MOVED, Ledger, Place, Then
from workers.demo.world.people import Person
from workers.demo.world.phrases import PHRASES

MAILBOXES = {
    "acme": ("support@acme.example", "sales@acme.example"),
    "globex": ("help@globex.example", "accounts@globex.example"),
}
_NOTARY = ("Kanzlei Nordlicht", "notariat@kanzlei.example")
_NO_ACCIDENT = {"acme:jimbob", "acme:bob", "acme:berta", "acme:anton"}  # their stories hold all of their mail


class Mail:
    """One client's mailboxes in the making."""

    def __init__(self, client: str, folder: Path, ledger: Ledger, random: Random) -> None:
        self.client, self.store, self.random, self.ledger = client, f"{client}-mail", random, ledger
        self.folder, self.phrases = folder / client / "mail", PHRASES[client]
        self._sent = 0

    def seed(self, people: list[Person]) -> None:
        """Seed a thread for about a third of the people, and for each of the cast."""
        for mailbox in MAILBOXES[self.client]:
            for part in ("cur", "new", "tmp"):
                (self.folder / mailbox / part).mkdir(parents=True)
        for person in people:
            if person.key not in _NO_ACCIDENT and (person.number < 20 or self.random.random() < 0.45):
                self.thread(person, MAILBOXES[self.client][person.number % 2])

    def thread(self, person: Person, mailbox: str) -> None:
        """Seed a question and its answer; the question often has an HTML part or an attachment."""
        say, pick = self.phrases, self.random.choice
        subject, at, then = pick(say.subjects), self._moment(), MOVED if person.fate == "restrict" else None
        text = f"{say.greeting}!\n\n{pick(say.questions)}\n\n{say.closing}\n{person.name}\n{person.email}\n"
        parts: list[MIMEBase] = [MIMEText(text)]
        if person.number % 2 or person.erased:
            html = f"<p>{say.greeting}!</p><p><b>{person.name}</b> &lt;{person.email}&gt;</p>"
            parts = [self._multipart("alternative", [*parts, MIMEText(html, "html")])]
        if person.number % 3 == 0 or person.erased:
            scan = MIMEApplication(b"%PDF-1.4\n" + person.name.encode() + self.random.randbytes(40), "pdf")
            scan.add_header("Content-Disposition", "attachment", filename=("utf-8", "", "Anhang Größe.pdf"))
            parts = [self._multipart("mixed", [*parts, scan])]
        question = self._message(parts[0], (person.name, person.email), [(self.client, mailbox)], subject, at)
        first = self.keep(mailbox, question, person, then)
        quoted = MIMEText(f"{pick(say.answers)}\n\n> {pick(say.questions)}\n> {person.email}\n")
        later = at + timedelta(hours=3)
        answer = self._message(quoted, (self.client, mailbox), [(person.name, person.email)], f"Re: {subject}", later)
        answer["In-Reply-To"] = answer["References"] = first
        self.keep(mailbox, answer, person, then)

    def letter(
        self, sender: tuple[str, str], to: list[tuple[str, str]], text: str, whose: Person | None, *,
        cc: tuple[tuple[str, str], ...] = (), then: Then | None = None,
    ) -> str:  # fmt: skip
        """Seed one message into the first mailbox; return its Message-ID."""
        subject, at = self.random.choice(self.phrases.subjects), self._moment()
        message = self._message(MIMEText(text), sender, to, subject, at)
        if cc:
            message["Cc"] = ", ".join(formataddr(one) for one in cc)
        return self.keep(MAILBOXES[self.client][0], message, whose, then)

    def keep(self, mailbox: str, message: MIMEBase, whose: Person | None, then: Then | None = None) -> str:
        """Write a message into a mailbox, as a delivery would have."""
        content = message.as_bytes()
        seen = self.random.random() < 0.8
        name = f"{1_750_000_000 + self._sent}.M{self._sent}P1.{self.client}" + (":2,S" if seen else "")
        (self.folder / mailbox / ("cur" if seen else "new") / name).write_bytes(content)
        message_id = str(message["Message-ID"])
        self.ledger.add(Place(self.store, mailbox, message_id), content, whose, then)
        return message_id

    def _message(
        self, message: MIMEBase, sender: tuple[str, str], to: list[tuple[str, str]], subject: str, at: datetime
    ) -> MIMEBase:
        self._sent += 1
        message["From"] = formataddr(sender)
        message["To"] = ", ".join(formataddr(one) for one in to)
        message["Subject"] = subject if subject.isascii() else Header(subject, "utf-8").encode()
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{self._sent:06d}.{self.random.getrandbits(48):012x}@mx.{self.client}.example>"
        return message

    def _multipart(self, kind: str, parts: list[MIMEBase]) -> MIMEMultipart:
        # A boundary of its own: the library's come from the global random numbers, not from the seed.
        return MIMEMultipart(kind, f"==={self.random.getrandbits(64):016x}==", parts)

    def _moment(self) -> datetime:
        zone = ZoneInfo("Europe/Berlin")
        return datetime(2025, 6, 1, tzinfo=zone) + timedelta(minutes=self.random.randrange(300_000))


def stories(mail: Mail, who: dict[str, Person]) -> None:
    """Seed what stands between acme's people in the mailboxes."""
    ada, bob, jimbob, berta, anton = (who[key] for key in ("ada", "bob", "jimbob", "berta", "anton"))
    us = ("Acme", MAILBOXES["acme"][0])
    mail.letter(
        (ada.name, ada.email), [us], f"Der Notar liest mit, schreiben Sie an {ada.email}.\n", ada, cc=(_NOTARY,),
        then=Then(lacks=(ada.email,), has=(_NOTARY[1], "Der Notar liest mit")),
    )  # fmt: skip
    mail.letter(
        _NOTARY, [us], f"In der Sache unserer Mandantin {ada.email} bitten wir um Antwort.\n", None,
        then=Then(lacks=(ada.email,), has=(_NOTARY[1], "bitten wir um Antwort")),
    )  # fmt: skip
    mail.letter((bob.name, bob.email), [us], "Der Stuhl wackelt.\n", bob)
    mail.letter((jimbob.name, jimbob.email), [us], "Der Tisch wackelt.\n", jimbob)
    mail.letter(
        (anton.name, anton.email), [us], "Meine Nachbarin liest mit.\n", anton, cc=((berta.name, berta.email),),
        then=Then(lacks=(berta.email,), has=(anton.email, "Meine Nachbarin liest mit")),
    )  # fmt: skip
    mail.letter(("", "ada.lorenz@example.org.example"), [us], "Eine andere Adresse mit gleichem Anfang.\n", None)
