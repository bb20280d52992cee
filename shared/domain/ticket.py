"""A ticket as submitted (design section 9): validated once at the door, kept sealed ever after."""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    ValidationError,
)

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, normalise, normalise_name

MAX_BYTES = 32 * 1024
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# pydantic's words about a UUID quote what stands there
_SAID = {"extra_forbidden": "unknown key", "missing": "missing", "uuid_parsing": "not a UUID"}
_PLAIN_KEY = re.compile(r"[a-z][a-z_]{0,31}")

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
SLUG = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Slug = Annotated[str, StringConstraints(pattern=SLUG)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


def _address(value: str) -> str:
    try:
        validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("not an e-mail address") from None  # the library's text quotes the value
    return value


Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=320), AfterValidator(_address)]


_ERA = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_IN_FORCE = datetime(2016, 5, 24, tzinfo=UTC)  # the GDPR, by its Art. 99(1)


def _in_our_era(value: datetime) -> datetime:
    if not _ERA[0] <= value < _ERA[1]:  # at the calendar's ends no zone's time can be told
        raise ValueError("lies before 1970 or after 2199")
    return value


def _under_the_law(value: datetime) -> datetime:
    if value < _IN_FORCE:
        raise ValueError("lies before 24 May 2016, when the GDPR came into force")
    return value


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_era)]


def _encrypted(value: HttpUrl) -> HttpUrl:
    if value.scheme != "https" and value.host not in LOOPBACK:
        raise ValueError("must be https")
    return value


class Strict(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Representative(Strict):
    """Someone who asks in the person's name; a decision before anything is disclosed."""

    name: Name
    mandate: Text


class SubjectIn(Strict):
    """The person, as the submitter names them."""

    email: tuple[Address, ...] = ()
    phone_number: tuple[Annotated[str, StringConstraints(min_length=3, max_length=40)], ...] = ()
    name: Name | None = None
    other: dict[Slug, Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(default_factory=dict)
    represented_by: Representative | None = None

    def resolve(self, *, region: str | None, plus_addresses: bool) -> Subject:
        """Return the normalised subject; a value that does not normalise is left out (see `unreadable`)."""
        given = {one for _, _, one in self._read(region, plus_addresses) if one}
        names = frozenset({normalise_name(self.name)} if self.name else ())
        return Subject(frozenset(given), names=names, region=region, plus_addresses=plus_addresses)

    def unreadable(self, *, region: str | None) -> list[str]:
        """Name the places whose values cannot be read as what they claim to be."""
        return [place for place, _, one in self._read(region, plus_addresses=False) if one is None]

    def _read(self, region: str | None, plus_addresses: bool) -> Iterable[tuple[str, str, Identifier | None]]:
        raw = [(f"subject.email.{n}", EMAIL, value) for n, value in enumerate(self.email)]
        raw += [(f"subject.phone_number.{n}", PHONE, value) for n, value in enumerate(self.phone_number)]
        raw += [(f"subject.other.{kind}", kind, value) for kind, value in self.other.items()]
        for place, kind, value in raw:
            yield place, value, normalise(kind, value, region=region, plus_addresses=plus_addresses)


class Identity(Strict):
    """How the person's identity was established (Art. 12(6))."""

    method: Slug
    by: Name
    at: Moment


class Ticket(Strict):
    """A rights request or breach report; `details` is validated by the right's own model."""

    id: UUID | None = None
    client: Slug
    right: Slug
    received_at: Annotated[AwareDatetime, AfterValidator(_under_the_law), AfterValidator(_in_our_era)]
    received_via: Slug | None = None
    subject: SubjectIn | None = None
    identity: Identity | None = None
    instruction: Annotated[str, StringConstraints(max_length=400)] | None = None
    callback_urls: tuple[Annotated[HttpUrl, AfterValidator(_encrypted)], ...] = ()
    details: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> UUID:
        """The id, which every accepted ticket has."""
        assert self.id is not None
        return self.id


class NoDetails(Strict):
    """The details of a right that needs none."""


def _may_be_named(key: str, known: Collection[str] | None) -> bool:
    return bool(_PLAIN_KEY.fullmatch(key)) and (known is None or bool(get_close_matches(key, known, 1, cutoff=0.8)))


def _keys_of(model: type[BaseModel]) -> set[str]:
    """Return the keys of a model and of those in it."""
    schema = model.model_json_schema()
    return {name for part in (schema, *schema.get("$defs", {}).values()) for name in part.get("properties", ())}


def one_line(error: ValidationError, prefix: str = "", *, model: type[BaseModel] | None = None) -> str:
    """Say what is wrong and where, in one line, without any value that was given.

    Places come from our own models; a key that somebody made up is named only if it is a plain word. With `model`,
    whose keys those should be, it has to resemble one of them too: what a submitter made up may be a person's name.
    """
    known = _keys_of(model) if model else None
    first, *more = error.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(
        str(part) if isinstance(part, int) or _may_be_named(part, known) else "?"
        for part in first["loc"]
        if part != "function-after"
    )
    what = _SAID.get(first["type"], first["msg"])
    where = ".".join(filter(None, (prefix, place))) or "ticket"
    rest = f" (and {len(more)} more)" if more else ""
    return f"{where}: {what.removeprefix('Value error, ')}{rest}"
