"""The gate, asked: fails closed, `unknown` is a denial."""

from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from shared import inventory as inventories
from shared import settings as settings_module
from shared.domain.errors import UsageError
from shared.domain.identifier import EMAIL, PHONE, normalise
from shared.envelope import open_vault
from shared.settings import Settings
from shared.store import gates
from shared.store.session import Store

Answer = Literal["allow", "deny", "unknown"]


def check(
    *,
    client: str,
    purpose: str,
    email: str | None = None,
    phone: str | None = None,
    needs_consent: bool = False,
    settings: Settings | None = None,
) -> tuple[Answer, str]:
    """Say whether a person's data may be used for a purpose now, and why.

    Of whom nothing is known nothing stands against it, unless the purpose rests on consent (Art. 6(1)(a)): that has
    to be on record (Art. 7(1)).
    """
    settings = settings or settings_module.read()
    found = inventories.load(settings.systems).clients.get(client)
    if found is None:
        raise UsageError("no such client in the inventory")
    kind, raw = (EMAIL, email) if email is not None else (PHONE, phone)
    identifier = normalise(kind, raw, region=found.region, plus_addresses=found.plus_addresses)
    if identifier is None:
        return "unknown", f"this is no {kind.replace('_', ' ')}"
    digest = open_vault(settings.root).blind(client, identifier)
    store = Store(settings.database)
    try:
        with store.read() as session:
            answer, why = gates.ask(session, digest, purpose)
    except SQLAlchemyError:
        return "unknown", "the store cannot be reached"
    finally:
        store.close()
    if needs_consent and answer == "allow" and why != gates.CONSENT:
        return "unknown", "no consent is on record"
    return answer, why
