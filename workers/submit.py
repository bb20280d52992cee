"""The outside door: validate -> seal -> spool -> LPUSH -> wait for the receipt.

A ticket is *queued* when the broker has it and *accepted* when its row is committed. Until intake's receipt is
seen the sealed message stays in the spool, and is sent again; so even a flushed broker loses no ticket.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import redis
from pydantic import ValidationError

from shared import inventory as inventories
from shared.domain.errors import RightsdeskError, UsageError
from shared.domain.ticket import MAX_BYTES, Ticket, one_line
from shared.evidence import canonical
from shared.inventory import Inventory
from shared.message import SealingKeys, read_intake, read_submitter, seal_message
from shared.private_file import write_private
from shared.settings import Settings
from shared.strict_json import deeper, read_json
from shared.vault import Vault, open_vault
from workers.broker import INTAKE, RECEIPT, connect
from workers.office import all_rights

ACCEPTED = "accepted"
_AGAIN = 10.0  # seconds without a receipt after which a message is sent again
_DEEPEST = 32  # objects within objects; none of the rights' details needs more than a few
_NAMED = 20  # ids that an error line names


class QueueDown(RightsdeskError):
    """The broker cannot be reached; the ticket is in the spool and is sent by the next submit."""


class NoReceipt(QueueDown):
    """Time ran out before intake's receipt was seen; the ticket is in the spool."""


class Refused(RightsdeskError):
    """Intake put tickets among the dead letters; the others were accepted."""


def check(raw: Any, *, inventory: Inventory | None) -> Ticket:
    """Return a valid ticket with an id; a UsageError says in one line what is wrong, without any value."""
    if not isinstance(raw, dict):
        raise UsageError("a ticket is a JSON object; see `rightsdesk schema ticket`")
    if deeper(raw, _DEEPEST):
        raise UsageError(f"ticket: nested deeper than {_DEEPEST}")
    try:
        ticket = Ticket.model_validate(raw)
    except ValidationError as error:
        raise UsageError(one_line(error, model=Ticket)) from None
    if ticket.received_at > datetime.now(UTC) + timedelta(days=1):
        raise UsageError("received_at: lies in the future")
    rights = all_rights()
    right = rights.get(ticket.right)
    if right is None:
        raise UsageError(f"right: there is no such right; there are {', '.join(sorted(rights))}")
    try:
        right.details.model_validate(ticket.details)
    except ValidationError as error:
        raise UsageError(one_line(error, "details", model=right.details)) from None
    if inventory is not None and ticket.client not in inventory.clients:
        raise UsageError("client: no such client in the inventory")
    if right.needs_subject:
        _check_subject(ticket, inventory.clients[ticket.client].region if inventory else None)
    return ticket if ticket.id else ticket.model_copy(update={"id": uuid4()})


def _check_subject(ticket: Ticket, region: str | None) -> None:
    if ticket.subject is None:
        raise UsageError("subject: missing")
    if unreadable := ticket.subject.unreadable(region=region):
        raise UsageError(f"{unreadable[0]}: cannot be read; a phone number needs +country or the client's region")
    if not ticket.subject.resolve(region=region, plus_addresses=False).given:
        raise UsageError("subject: give at least one email, phone_number or other id; a name alone never matches")


def content_of(ticket: Ticket) -> bytes:
    """Return the one JSON text of a ticket, by which the same ticket is recognised."""
    return canonical(ticket.model_dump(mode="json", exclude_defaults=True)).encode()


def receipt_of(ticket: UUID, entry: bytes) -> str:
    """Return the name of the receipt of this very message: an id that is reused tells it from the first."""
    return f"{ticket}:{hashlib.sha256(entry).hexdigest()[:16]}"


def sealing_keys(settings: Settings, vault: Vault | None = None) -> SealingKeys:
    """Return what tickets are sealed with: the files that the settings name, or else the installation's own keys."""
    if vault is None and settings.submitter_key and settings.intake_key:
        return SealingKeys(read_intake(settings.intake_key), read_submitter(settings.submitter_key))
    if vault is None and (settings.submitter_key or settings.intake_key):
        raise UsageError("RIGHTSDESK_SUBMITTER_KEY and RIGHTSDESK_INTAKE_KEY go together: set both, or neither")
    own = vault or open_vault(settings.root, settings.secrets)
    return SealingKeys(own.intake, own.submitter)


class Submitter:
    """Seals tickets, spools them, pushes them, and waits for receipts."""

    def __init__(self, settings: Settings, *, inventory: Inventory | None = None, vault: Vault | None = None) -> None:
        self.settings = settings
        self.inventory = inventory or (inventories.load(settings.systems) if settings.systems.exists() else None)
        self.keys = sealing_keys(settings, vault)
        self.broker = connect(settings)
        self._receipt: dict[UUID, str] = {}  # of what was queued here: another process may clear it from the spool
        self.spool = settings.root / "spool"
        self.spool.mkdir(mode=0o700, parents=True, exist_ok=True)

    def queue(self, tickets: Iterable[Ticket]) -> list[UUID]:
        """Seal, spool and push tickets; return their ids once the broker has them all."""
        checked = _distinct(tickets)
        entries = {}
        for ticket, content in checked.items():
            entry = seal_message(content, intake=self.keys.intake, submitter=self.keys.submitter)
            name = self._receipt[ticket] = receipt_of(ticket, entry)
            write_private(self._spooled(name), entry)
            entries[name] = entry
        self._push(entries)
        return list(checked)

    def accepted(self, ids: Iterable[UUID], *, timeout: float | None = None) -> Iterator[UUID]:
        """Yield ids in their order as receipts are seen, sending again what has none.

        At the end Refused names those that became dead letters, NoReceipt those that have no receipt in time.
        """
        waiting, dead = list(ids), dict[UUID, str]()
        sent = started = time.monotonic()
        pause = 0.02
        while waiting:
            ended = self._ended(waiting)
            dead |= {one: reason for one, reason in ended.items() if reason != ACCEPTED}
            yield from (one for one in waiting if ended.get(one) == ACCEPTED)
            waiting = [one for one in waiting if one not in ended]
            now = time.monotonic()
            if waiting and timeout is not None and now - started > timeout:
                raise NoReceipt("; ".join([self._without_receipt(waiting), *_refusals(dead)]))
            if waiting and now - sent > _AGAIN:
                self._send_again(waiting, dead)
                sent = now
            if waiting:
                time.sleep(pause)
            pause = min(pause * 1.5, 0.25)
        if dead:
            raise Refused("; ".join(_refusals(dead)))

    def _ended(self, waiting: list[UUID]) -> dict[UUID, str]:
        """Return what the receipts say that are there, clearing the spool: `ACCEPTED`, or why it is a dead letter."""
        names = {self._receipt.get(one, str(one)): one for one in waiting}
        ended = {}
        for (name, ticket), receipt in zip(names.items(), self._receipts(list(names)), strict=True):
            if receipt is not None:
                self._spooled(name).unlink(missing_ok=True)
                ended[ticket] = receipt.decode(errors="replace").removeprefix("dead:").strip()
        return ended

    def _send_again(self, waiting: list[UUID], dead: dict[UUID, str]) -> None:
        try:
            self.resend(self._receipt[one] for one in waiting if one in self._receipt)
        except QueueDown as error:
            raise QueueDown("; ".join([str(error), *_refusals(dead)])) from None

    def _without_receipt(self, waiting: list[UUID]) -> str:
        return f"no receipt yet for {self._named(waiting)}; they are spooled and are sent again"

    def _named(self, ids: list[UUID]) -> str:
        """Name tickets, so that whoever submits one again can do so under its id."""
        more = f" and {len(ids) - _NAMED} more, named by the files in {self.spool}" if len(ids) > _NAMED else ""
        return ", ".join(map(str, ids[:_NAMED])) + more

    def resend(self, names: Iterable[str] | None = None) -> int:
        """Push again what is spooled without a receipt; return how many. Intake drops what it knows already."""
        left = self.left() if names is None else list(names)
        entries = {}
        for name, receipt in zip(left, self._receipts(left), strict=True):
            if receipt is not None:
                self._spooled(name).unlink(missing_ok=True)
            elif (entry := self._entry(name)) is not None:
                entries[name] = entry
        self._push(entries)
        return len(entries)

    def left(self) -> list[str]:
        """Return the receipts' names of what is spooled: they have not been seen."""
        return sorted(path.stem for path in self.spool.glob("*.jwe"))

    def _spooled(self, receipt: str) -> Path:
        # named by the message, too: the same id with other content must not take another's place
        return self.spool / f"{receipt}.jwe"

    def _entry(self, receipt: str) -> bytes | None:
        """Return a spooled message; None if another process has seen its receipt meanwhile."""
        try:
            return self._spooled(receipt).read_bytes()
        except FileNotFoundError:
            return None

    def _receipts(self, names: list[str]) -> list[bytes | None]:
        if not names:
            return []
        try:
            found: Any = self.broker.mget([RECEIPT + name for name in names])
        except redis.RedisError:
            return [None] * len(names)
        return list(found)

    def _push(self, entries: dict[str, bytes]) -> None:
        sealed = list(entries.values())
        try:
            for start in range(0, len(sealed), 500):
                self.broker.lpush(INTAKE, *sealed[start : start + 500])
        except redis.RedisError as error:
            spooled = self._named([UUID(name.partition(":")[0]) for name in entries])
            raise QueueDown(
                f"the queue is down ({type(error).__name__}); spooled in {self.spool}, and sent by the next "
                f"`rightsdesk submit` or by `rightsdesk up`: {spooled}"
            ) from None


def _distinct(tickets: Iterable[Ticket]) -> dict[UUID, bytes]:
    """Return the contents by id; before the first is spooled a UsageError says which can be no ticket: all or none."""
    found: dict[UUID, bytes] = {}
    for number, ticket in enumerate(tickets, 1):
        content = content_of(ticket)
        if len(content) > MAX_BYTES:
            raise UsageError(f"ticket {number} has more than 32 KiB; lists of people go as a file")
        if found.setdefault(ticket.key, content) != content:
            raise UsageError(f"ticket {number} has the id of another one in the file, {ticket.key}")
    return found


def _refusals(dead: dict[UUID, str]) -> list[str]:
    if not dead:
        return []
    return [f"refused: {', '.join(f'{one}: {reason}' for one, reason in dead.items())}; see `rightsdesk dead`"]


def submit(ticket: dict[str, Any] | Ticket, *, settings: Settings) -> UUID:
    """Submit one ticket and return its id once it is accepted."""
    submitter = Submitter(settings)
    checked = check(ticket if isinstance(ticket, dict) else ticket.model_dump(), inventory=submitter.inventory)
    (accepted,) = submitter.accepted(submitter.queue([checked]))
    return accepted


def read_tickets(text: str, check_one: Callable[[Any], Ticket]) -> list[Ticket]:
    """Parse one JSON object or JSON Lines; a UsageError names the line."""
    try:
        raw = _parsed(text)
    except UsageError:
        pass
    else:
        return [check_one(raw)]
    tickets = []
    for number, line in enumerate(text.split("\n"), 1):  # `splitlines` would part a string at U+0085 or U+2028
        if line.strip():
            try:
                tickets.append(check_one(_parsed(line)))
            except UsageError as error:
                raise UsageError(f"line {number}: {error}") from None
    if not tickets:
        raise UsageError("no ticket: give a JSON object or JSON Lines")
    return tickets


def _parsed(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        raise UsageError("not valid JSON") from None
