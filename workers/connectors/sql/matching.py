"""Broad in SQL, exact in Python: what may be the person's is fetched; normalised values decide what is theirs."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.sqltypes import NullType

from shared import freetext
from shared.datamap import Collection
from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, Traits, spellings, split_addresses
from workers.connectors.sql.graph import names_of
from workers.connectors.sql.rows import opened, typed

_SEPARATORS = " -().+/\u00a0\u2011\u2013\t"
_DISTINCT = re.compile(r".{6,}|(?=.*\d)(?=.*[^\W\d]).{4,}")
_TAIL = 6  # the last digits of a number: however its beginning is written, these stand there


def traits(collection: Collection, row: Mapping[Any, Any], subject: Subject) -> Traits:
    """Return what a record says about whose it is; another person's columns count only where they name the subject."""
    found: set[Identifier] = set()
    for column in collection.identities.values():
        one = identifier(subject, column.identity or "", row[column.name])
        if one is not None and (not column.ext.others or one in subject.identifiers):
            found.add(one)
    return Traits(frozenset(found), names_of(collection, row))


def identifier(subject: Subject, kind: str, raw: object) -> Identifier | None:
    """Normalise an identity column's value; `Ada <ada@acme.test>` is an address, a list of addresses is none."""
    one = subject.normalise(kind, raw)
    if one is None and kind == EMAIL and raw is not None:
        inside = list(split_addresses(str(raw)))
        return subject.normalise(kind, inside[0]) if len(inside) == 1 else None
    return one


def widening(collection: Collection, row: Mapping[Any, Any], subject: Subject) -> frozenset[Identifier]:
    """Return the identifiers of a sure row that may widen the search.

    A row with two values of one kind may name two people (a call, a message): where one of them is the subject's,
    the other widens only if the map says `widen: true` in so many words.
    """
    columns = [one for one in collection.identities.values() if not one.ext.others and one.ext.widen]
    values = {one.name: identifier(subject, one.identity or "", row[one.name]) for one in columns}
    known = {
        one.kind
        for column in collection.identities.values()
        if (one := identifier(subject, column.identity or "", row[column.name])) is not None
        and one in subject.identifiers
    }
    return frozenset(
        value
        for column in columns
        if (value := values[column.name]) is not None
        and (value.kind not in known or "widen" in column.ext.model_fields_set)
    )


def may_be(column: sa.Column[Any], kind: str, wanted: Iterable[Identifier]) -> sa.ColumnElement[bool] | None:
    """Return the broad condition for an identity column, or None if nothing of its kind is wanted."""
    values = [one for one in wanted if one.kind == kind]
    if not values:
        return None
    text = as_text(column)
    if kind in (EMAIL, PHONE):
        return sa.or_(*(_holds(text, one) for one in values))
    return sa.func.trim(text).in_([one.value for one in values])


def told_apart(subject: Subject) -> Subject:
    """Return the subject without the ids that stand in anybody's text, such as a customer number of 7."""
    kept = {one for one in subject.identifiers if one.kind in (EMAIL, PHONE) or _DISTINCT.fullmatch(one.value)}
    return dataclasses.replace(subject, given=subject.given & kept, widened=subject.widened & kept)


def may_name(column: sa.Column[Any], wanted: Iterable[Identifier]) -> sa.ColumnElement[bool]:
    """Return the broad condition for a free text that may hold one of the identifiers."""
    text = as_text(column)
    return sa.or_(sa.false(), *(_holds(text, one) for one in wanted))


def names_subject(value: object, subject: Subject) -> bool:
    """Say whether one of the person's identifiers stands in a value, as a whole token."""
    return any(any(True for _ in freetext.stands_in(text, subject)) for text in texts(value))


def texts(value: object) -> Iterator[str]:
    """Yield each text in a value: a document's leaves, whether the driver decoded it or not."""
    value = opened(value)
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from texts(one)
    elif isinstance(value, list | tuple | set):
        for one in value:
            yield from texts(one)
    elif value is not None and not isinstance(value, bytes | memoryview):
        yield str(value)


def as_text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """Return a column as text, whatever its type."""
    plain = isinstance(column.type, sa.String) and not isinstance(column.type, sa.Enum)
    return column if plain else sa.cast(column, sa.Text)


def textual(column: sa.Column[Any]) -> bool:
    """Say whether a column may hold text: text, documents, lists, and types unknown to SQLAlchemy."""
    if isinstance(column.type, sa.Enum):
        return False
    known = isinstance(column.type, sa.String | sa.JSON | sa.ARRAY | NullType)
    return known or column.type.__class__.__name__ in ("HSTORE", "XML")


def _holds(text: sa.ColumnElement[str], one: Identifier) -> sa.ColumnElement[bool]:
    if one.kind == PHONE:
        digits = one.value[-_TAIL:].lstrip("+")
        close = text
        for separator in _SEPARATORS:
            close = sa.func.replace(close, separator, "")
        # The first condition is cheap and rules out nearly every text.
        return sa.and_(text.like(f"%{'%'.join(digits)}%"), close.like(f"%{digits}%"))
    if one.kind == EMAIL:
        pairs = (address.rpartition("@") for address in spellings(one.value))
        patterns = [f"%{_pattern(local)}%{_pattern(domain)}%" for local, _, domain in pairs]
        return sa.or_(*(sa.func.lower(text).like(pattern, escape="\\") for pattern in patterns))
    return text.like(f"%{_pattern(one.value)}%", escape="\\")


def _pattern(value: str) -> str:
    # Outside ASCII lower() differs between databases, and a document may hold \u escapes: anything may stand there.
    return re.sub(r"[^\x00-\x7f]+", "%", re.sub(r"([%_\\])", r"\\\1", value))


def among(column: sa.Column[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a linking column has one of some values, read in the column's own type."""
    read = []
    for value in values:
        try:
            read.append(typed(column, value))
        except ValueError:
            continue  # it cannot stand in this column, so no row has it
    return column.in_(read)
