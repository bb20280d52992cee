"""The gate: may this person's data be used for this purpose now? It fails closed: `unknown` is a denial.

    from workers.gate import Gate

    with Gate() as gate:  # keep it: it holds a connection
        answer, why = gate.check(client="acme", purpose="newsletter", email="ada@example.org")

`rightsdesk gate check` asks once, `gate filter` asks for a list, `gate serve` answers over HTTP; docs/gate.md.
"""

import re
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

from sqlalchemy.exc import SQLAlchemyError

from shared import inventory as inventories
from shared import settings as settings_module
from shared.domain.errors import RightsdeskError, UsageError
from shared.domain.identifier import EMAIL, PHONE, Identifier
from shared.domain.ticket import SLUG
from shared.inventory import Client, Inventory
from shared.settings import Settings
from shared.store import gates
from shared.store.session import Store
from shared.vault import Vault, open_vault
from workers.gate.patience import Patience
from workers.gate.reading import identify, stands_for

Answer = Literal["allow", "deny", "unknown"]
Asked = tuple[Answer, str]

_STRICTEST: tuple[Answer, ...] = ("deny", "unknown", "allow")
PATIENCE = 2.0  # seconds for a connection, and for an answer
UNREADABLE = "unreadable"
UNREACHABLE = "the store cannot be reached"
NO_CONSENT = "no consent is on record"
_NO_SUCH = {EMAIL: "this is no email", PHONE: "this is no phone number"}
_READ = (NO_CONSENT, *_NO_SUCH.values())
_STRANGE = "the keys under RIGHTSDESK_HOME are not those of this store"


class Gate:
    """Answers from the store, in bounded time; threads may share one. Close it, or use it as a context manager."""

    def __init__(self, settings: Settings | None = None, *, inventory: Inventory | None = None) -> None:
        self.settings = settings or settings_module.read()
        self.inventory = inventory or inventories.load(self.settings.systems)
        self.store = Store(self.settings.database, patience=PATIENCE)
        self._postgres = self.store.url.get_backend_name() == "postgresql"
        # one statement needs no transaction around it
        self._engine = self.store.engine.execution_options(
            **{"isolation_level": "AUTOCOMMIT"} if self._postgres else {}
        )
        self._patience = Patience(PATIENCE)
        self._vault: Vault | None = None
        self._fits = False

    def check(
        self,
        *,
        client: str,
        purpose: str,
        email: str | None = None,
        phone: str | None = None,
        needs_consent: bool = False,
    ) -> Asked:
        """Say whether a person's data may be used for a purpose now, and why.

        Of whom nothing is known nothing stands against it, unless the purpose rests on consent (Art. 6(1)(a)): that has
        to be on record (Art. 7(1)). Of who is named by both each has to be allowed. A UsageError if the inventory has
        no such client, or no ticket could name the purpose.
        """
        asked = {kind: raw for kind, raw in ((EMAIL, email), (PHONE, phone)) if raw is not None}
        read = {kind: identify(self.client(client), kind, asked.get(kind)) for kind in asked or (EMAIL,)}
        answers = self.check_many(client, purpose, [one for one in read.values() if one], needs_consent=needs_consent)
        answers += [("unknown", _NO_SUCH[kind]) for kind, one in read.items() if one is None]
        return min(answers, key=lambda answer: _STRICTEST.index(answer[0]))

    def check_many(
        self, client: str, purpose: str, people: Sequence[Identifier], *, needs_consent: bool = False
    ) -> list[Asked]:
        """Answer for many identifiers at once, in their order; for all alike, as of one moment."""
        check_purpose(purpose)
        if not people:
            return []
        try:
            found = self._asked(client, purpose, people)
        except (SQLAlchemyError, OSError):
            return [("unknown", UNREACHABLE)] * len(people)
        except RightsdeskError as error:  # a key that is missing or damaged
            return [("unknown", str(error))] * len(people)
        if needs_consent:
            return [_by_consent(one) for one in found]
        return found

    def client(self, name: str) -> Client:
        """Return a client; a UsageError if there is none."""
        found = self.inventory.clients.get(name)
        if found is None:
            raise UsageError("no such client in the inventory")
        return found

    def _asked(self, client: str, purpose: str, people: Sequence[Identifier]) -> list[Asked]:
        began = time.monotonic()
        try:
            return self._ask(client, purpose, people)
        except SQLAlchemyError:
            if time.monotonic() - began > PATIENCE / 2:
                raise
        self.store.engine.dispose()  # connections that were kept died with their server: once more, with a new one
        return self._ask(client, purpose, people)

    def _ask(self, client: str, purpose: str, people: Sequence[Identifier]) -> list[Asked]:
        with self._patience.watching() as watch, self._engine.connect() as connection:
            if self._postgres:
                watch(connection.connection.driver_connection)
            seen = set() if self._fits else gates.index_keys(connection)
            vault = self.keys()
            if seen and vault.index_mark not in seen:
                return [("unknown", _STRANGE)] * len(people)
            self._fits = self._fits or bool(seen)
            digests = [[vault.blind(client, each) for each in stands_for(one)] for one in people]
            answers = gates.ask_many(connection, [one for some in digests for one in some], purpose)
        return [_first_denial([answers[one] for one in some]) for some in digests]

    def keys(self) -> Vault:
        """Return the keys by which people are found; a RightsdeskError if there are none, or the vault is closed."""
        if self._vault is None:
            # with a fresh key it would know nobody
            self._vault = open_vault(self.settings.root, self.settings.secrets, create=False)
        return self._vault

    def close(self) -> None:
        """Let go of the connections."""
        self._patience.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def was_asked(asked: Asked) -> bool:
    """Say whether the store answered; if not, who is asked about is not known at all."""
    return asked[0] != "unknown" or asked[1] in _READ


def check_purpose(purpose: str) -> None:
    """Say that a purpose is none that a ticket could name: with a blank too many nothing would stand against it."""
    if not re.fullmatch(SLUG, purpose):
        raise UsageError("a purpose has letters, digits, dots, - and _ only, at most 64, e.g. newsletter")


def _first_denial(answers: Sequence[Asked]) -> Asked:
    return next((one for one in answers if one[0] != "allow"), answers[0])


def _by_consent(asked: Asked) -> Asked:
    return ("unknown", NO_CONSENT) if asked[0] == "allow" and asked[1] != gates.CONSENT else asked


def check(
    *,
    client: str,
    purpose: str,
    email: str | None = None,
    phone: str | None = None,
    needs_consent: bool = False,
    settings: Settings | None = None,
) -> Asked:
    """Ask once; see `Gate.check`."""
    with Gate(settings) as gate:
        return gate.check(client=client, purpose=purpose, email=email, phone=phone, needs_consent=needs_consent)
