"""The call store: Asterisk's tables, several rows a call, recordings whose names hold the numbers."""

import wave
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random

from workers.demo.world.ledger import Conditions, Ledger, Place
from workers.demo.world.people import Person
from workers.demo.world.tables import Tables

_CDR = (
    "calldate clid src dst dcontext channel dstchannel lastapp lastdata duration:INTEGER billsec:INTEGER disposition "
    "amaflags:INTEGER accountcode cnam linkedid userfield recordingfile uniqueid:TEXT_NOT_NULL_PRIMARY_KEY"
)
_CEL = (
    "id:INTEGER_PRIMARY_KEY eventtype eventtime cid_name cid_num cid_ani cid_rdnis cid_dnid exten context channame "
    "appname appdata uniqueid linkedid userfield peer"
)
_VOICEMAIL = (
    "msgnum:INTEGER_NOT_NULL dir:TEXT_NOT_NULL context callerid origtime duration mailboxuser flag recording:BLOB"
)


def _definitions(names: str) -> tuple[str, ...]:
    parts = (one.partition(":") for one in names.split())
    return tuple(f"{name} {kind.replace('_', ' ') or 'TEXT'}" for name, _, kind in parts)


SCHEMA = {
    "cdr": _definitions(_CDR),
    "cel": _definitions(_CEL),
    "voicemail_messages": (*_definitions(_VOICEMAIL), "PRIMARY KEY (dir, msgnum)"),
}
_INBOUND_ONLY = {"acme:hanna", "acme:heiko"}  # what they share is the number: only the caller's name tells them apart
_FEW = {
    "acme:ada": 2,
    "acme:cleo": 1,
    "acme:hanna": 2,
    "acme:heiko": 2,
    "acme:emil": 1,
    "globex:gina": 1,
    "globex:olga": 1,
    "globex:oscar": 1,
    "globex:wendy": 1,
}
_NONE = {"acme:rita", "globex:rolf"}
_VOICEMAIL_LEFT = {"acme:ada", "globex:gina"}
_AGENTS = {"201": "Nora", "202": "Theo", "203": "Selma"}


class Calls:
    """One client's call store in the making."""

    def __init__(self, client: str, folder: Path, ledger: Ledger, random: Random) -> None:
        self.store, self.random, self.ledger, self.context = f"{client}-calls", random, ledger, f"from-{client}"
        self.files = folder / client / "recordings"
        self.tables = Tables(self.store, folder / client / "asterisk.db", SCHEMA, ledger)
        self._calls = 0

    def seed(self, people: list[Person]) -> None:
        """Seed calls for about half of the people, in and out, some with voicemail."""
        self.files.mkdir(parents=True)
        for person in people:
            number = _FEW.get(person.key, 0 if person.key in _NONE else self.random.choice((0, 0, 1, 2)))
            for call in range(number):
                if call % 2 and person.key not in _INBOUND_ONLY:
                    self.outbound(person)
                else:
                    self.inbound(person)
            alone = (
                not person.fate and person.key not in _INBOUND_ONLY
            )  # a machine stores no name apart from the number
            if person.key in _VOICEMAIL_LEFT or (alone and number > 1 and self.random.random() < 0.2):
                self.voicemail(person)

    def inbound(self, person: Person, *, shown: str = "") -> str:
        """Seed a call through the queue to an agent, transferred now and then; return its linkedid."""
        call, at = self._next()
        agent, second = self.random.sample(sorted(_AGENTS), 2)
        recording = self._record(person, f"in-{agent}-{person.dialled}", at, f"{call}.1")
        self._leg(person, call, 1, at, (person.dialled, "600"), "Queue", shown=shown, recording=recording)
        self._leg(person, call, 2, at, (person.dialled, agent), "Dial", shown=shown)
        if self.random.random() < 0.3:
            self._leg(person, call, 3, at, (person.dialled, second), "Dial", shown=shown)
        return call

    def outbound(self, person: Person) -> None:
        """Seed a call back by an agent."""
        call, at = self._next()
        agent = self.random.choice(sorted(_AGENTS))
        recording = self._record(person, f"out-{person.dialled}-{agent}", at, f"{call}.1")
        self._leg(person, call, 1, at, (agent, person.dialled), "Dial", recording=recording)

    def conference(self, person: Person, third: Person) -> None:
        """Seed a call of a person into which an agent takes a third person: two people's rows share a linkedid."""
        call = self.inbound(person)
        _, at = self._next()
        self._leg(third, call, 9, at, ("201", third.dialled), "ConfBridge")

    def voicemail(self, person: Person) -> None:
        """Seed a message on the machine, its sound in the row."""
        _, at = self._next()
        self.tables.add(
            "voicemail_messages", person, msgnum=self._calls, dir="/var/spool/asterisk/voicemail/default/600/INBOX",
            context=self.context, callerid=f'"{person.name}" <{person.dialled}>', origtime=str(int(at.timestamp())),
            duration="7", mailboxuser="600", flag="", recording=_sound(self.random),
        )  # fmt: skip

    def _leg(
        self, person: Person, call: str, leg: int, at: datetime, ends: tuple[str, str], app: str, *, shown: str = "",
        recording: str | None = None,
    ) -> None:  # fmt: skip
        src, dst = ends
        inbound = src == person.dialled
        name = shown or person.name if inbound else None
        then: Conditions = {"userfield": {"is": "restricted"}} if person.fate == "restrict" else None
        unique, channel = f"{call}.{leg}", f"PJSIP/trunk-{self.random.getrandbits(32):08x}"
        self.tables.add(
            "cdr", person, then=then, calldate=str(at + timedelta(seconds=5 * leg)),
            clid=f'"{name}" <{src}>' if inbound else f'"{_AGENTS[src]}" <{src}>', src=src, dst=dst,
            dcontext=self.context, channel=channel, dstchannel=f"PJSIP/{dst if inbound else 'trunk'}-{leg:08x}",
            lastapp=app, lastdata="support,t" if inbound else f"PJSIP/{dst}@trunk,30", duration=60, billsec=48,
            disposition="ANSWERED", amaflags=3, cnam=name, linkedid=f"{call}.1", userfield="",
            recordingfile=recording, uniqueid=unique,
        )  # fmt: skip
        for event in ("CHAN_START", "ANSWER", "HANGUP"):
            self.tables.add(
                "cel", person, then=then, eventtype=event, eventtime=str(at + timedelta(seconds=5 * leg)),
                cid_name=name or _AGENTS.get(src), cid_num=src, cid_ani=src, exten=dst, context=self.context,
                channame=channel, appname=app, appdata="" if inbound else f"PJSIP/{dst}@trunk,30", uniqueid=unique,
                linkedid=f"{call}.1", userfield="", peer="",
            )  # fmt: skip

    def _record(self, person: Person, name: str, at: datetime, unique: str) -> str:
        path = f"{at:%Y/%m/%d}/{name}-{at:%Y%m%d-%H%M%S}-{unique}.wav"
        content = _sound(self.random)
        (self.files / path).parent.mkdir(parents=True, exist_ok=True)
        (self.files / path).write_bytes(content)
        self.ledger.add(Place(self.store, "files", path), content, person)
        return path

    def _next(self) -> tuple[str, datetime]:
        self._calls += 1
        at = datetime(2025, 6, 2, 9) + timedelta(hours=7 * self._calls)  # noqa: DTZ001 - Asterisk writes local time
        return f"17{self._calls:08d}", at


def _sound(random: Random) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(random.randbytes(160))
    return file.getvalue()


def stories(calls: Calls, who: dict[str, Person]) -> None:
    """Seed what happens between acme's people on the phone."""
    calls.conference(who["ada"], who["emil"])
    calls.conference(who["anton"], who["berta"])
    calls.inbound(who["cleo"], shown="BEISPIEL C.")  # the network's spelling: a person must say whose call this was
