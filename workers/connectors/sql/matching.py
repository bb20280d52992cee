"""Broad in SQL, exact in Python: what may be the person's is fetched; normalised values decide what is theirs."""

import dataclasses
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from shared import freetext
from shared.datamap import Collection, Column
from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, Traits, national, spellings
from shared.personal import by_name
from shared.signs import DIGITS
from workers.connectors.sql.documents import values
from workers.connectors.sql.graph import names_of
from workers.connectors.sql.rows import typed
from workers.connectors.sql.texts import as_number, as_text, said, texts

_DISTINCT = re.compile(r".{6,}|(?=.*\d)(?=.*[^\W\d]).{4,}")
_TAIL = 6  # the last digits of a number: however its beginning is written, these stand there


def traits(collection: Collection, row: Mapping[Any, Any], subject: Subject) -> Traits:
    """Return what a record says about whose it is; another person's columns count only where they name the subject."""
    found = {
        one
        for column, one in identifiers(collection, row, subject)
        if not column.ext.others or one in subject.identifiers
    }
    return Traits(frozenset(found), names_of(collection, row))


def identifiers(
    collection: Collection, row: Mapping[Any, Any], subject: Subject
) -> Iterator[tuple[Column, Identifier]]:
    """Yield every identifier in a record with the field that it stands in; lists and documents hold several."""
    for name, column in collection.identities.items():
        for value in values(collection, name, row):
            for kind in column.kinds:
                if (one := identifier(subject, kind, value)) is not None:
                    yield column, one


def identifier(subject: Subject, kind: str, raw: object) -> Identifier | None:
    """Normalise an identity column's value, bytes read as text."""
    return subject.identify(kind, said(raw))


def widening(collection: Collection, row: Mapping[Any, Any], subject: Subject) -> frozenset[Identifier]:
    """Return the identifiers of a sure row that may widen the search.

    A row with two values of one kind may name two people (a call, a message): where one of them is the subject's,
    the other widens only if the map says `widen: true` in so many words.
    """
    found = list(identifiers(collection, row, subject))
    known = {one.kind for _, one in found if one in subject.identifiers}
    return frozenset(
        one
        for column, one in found
        if not column.ext.others
        and column.ext.widen
        and (one.kind in column.emits if one.is_key else _news(column, one, known))
    )


def _news(column: Column, one: Identifier, known: AbstractSet[str]) -> bool:
    return one.kind not in known or "widen" in column.ext.model_fields_set


def may_be(table: sa.Table, column: Column, wanted: Iterable[Identifier]) -> sa.ColumnElement[bool] | None:
    """Return the broad condition for an identity field, or None if nothing of its kinds is wanted."""
    sought = [one for one in wanted if one.kind in column.kinds]
    if not sought:
        return None
    field = table.c[column.column]
    text = as_text(field)
    keys = [one.value for one in sought if one.is_key]
    words = [one for one in sought if not one.is_key]
    conditions = [linked(table, column, keys)] if keys else []
    conditions += [_holds(text, one) for one in words if one.kind in (EMAIL, PHONE)]
    others = [one for one in words if one.kind not in (EMAIL, PHONE)]
    if column.structured or isinstance(field.type, sa.ARRAY | sa.JSON):
        conditions += [_holds(text, one) for one in others]
    elif others:
        conditions.append(sa.func.trim(text).in_([one.value for one in others]))
    return sa.or_(sa.false(), *conditions)


def told_apart(subject: Subject) -> Subject:
    """Return the subject without the ids that stand in anybody's text, such as a customer number of 7."""
    kept = {
        one
        for one in subject.identifiers
        if one.kind in (EMAIL, PHONE) or (not one.is_key and _DISTINCT.fullmatch(one.value))
    }
    return dataclasses.replace(subject, given=subject.given & kept, widened=subject.widened & kept)


def may_name(column: sa.Column[Any], wanted: Iterable[Identifier]) -> sa.ColumnElement[bool]:
    """Return the broad condition for a free text that may hold one of the identifiers."""
    text = as_text(column)
    return sa.or_(sa.false(), *(_holds(text, one) for one in wanted))


def names_subject(value: object, subject: Subject) -> bool:
    """Say whether one of the person's identifiers stands in a value, as a whole token."""
    return any(any(True for _ in freetext.stands_in(text, subject)) for text in texts(value))


def _holds(text: sa.ColumnElement[str], one: Identifier) -> sa.ColumnElement[bool]:
    """Return the broad condition for a text: signs other than letters and digits may be written in many ways.

    It must never be narrower than the exact compare: a program may have escaped them, or put others in between.
    """
    if one.kind == PHONE:
        digits = one.value.partition(";ext=")[0].lstrip("+")[-_TAIL:]
        kinds = (digits, *(digits.translate(str.maketrans(string.digits, other)) for other in DIGITS))
        return sa.or_(*(text.like(f"%{'%'.join(written)}%") for written in kinds))
    if one.kind == EMAIL:
        return sa.or_(*(sa.func.lower(text).like(_pattern(address)) for address in spellings(one.value)))
    return text.like(_pattern(one.value))


def _pattern(value: str) -> str:
    # Outside ASCII lower() differs between databases, too.
    return re.sub("%{2,}", "%", f"%{re.sub('[^A-Za-z0-9]+', '%', value)}%")


def may_be_number(column: sa.Column[Any], wanted: Iterable[Identifier]) -> sa.ColumnElement[bool]:
    """Return the condition that a column of numbers holds one of the phone numbers."""
    # bound as BIGINT: a column of INTEGER would refuse the value itself
    return column.in_([sa.literal(int(one), sa.BigInteger) for one in sorted(set(_numbers(column.name, wanted)))])


def is_number(column: str, value: object, wanted: Iterable[Identifier]) -> bool:
    """Say whether a value of a column of numbers is one of the phone numbers."""
    return as_number(value) in set(_numbers(column, wanted))


def _numbers(column: str, wanted: Iterable[Identifier]) -> Iterator[str]:
    """Yield the phone numbers as a column of numbers keeps them, without + or 0.

    Without the country code any order or amount might be one: so only where the column is named like a phone.
    """
    for one in wanted:
        if one.kind == PHONE and (digits := one.value.partition(";ext=")[0].lstrip("+")).isdecimal():
            yield digits
            if by_name(column) and (short := national(one.value)):
                yield short


def among(column: sa.Column[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a linking column has one of some values, read in the column's own type."""
    read = []
    for value in values:
        try:
            one = typed(column, value)
        except (ValueError, ArithmeticError, TypeError):
            continue  # it cannot stand in this column, so no row has it
        if in_range(column.type, one):
            read.append(one)
    return column.in_(read)


def in_range(kind: sa.types.TypeEngine[Any], value: Any) -> bool:
    """Say whether a number may stand in a column of a type; a database refuses the whole query for one that cannot."""
    if isinstance(kind, sa.Integer) and isinstance(value, int):
        bits = 15 if isinstance(kind, sa.SmallInteger) else 63 if isinstance(kind, sa.BigInteger) else 31
        least, most = -(2**bits), 2 ** (bits + bool(getattr(kind, "unsigned", False)))
        return bool(least <= value < most)
    if isinstance(kind, sa.Numeric) and isinstance(value, Decimal):
        whole: int | None = None if kind.precision is None else kind.precision - (kind.scale or 0)
        return value.is_finite() and (whole is None or bool(abs(value) < Decimal(10) ** whole))
    return True


def linked(table: sa.Table, column: Column | None, values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a linking field may have one of some values: exact, but broad within documents."""
    assert column is not None
    field = table.c[column.column]
    if not column.structured and not isinstance(field.type, sa.ARRAY | sa.JSON):
        return among(field, values)
    text = as_text(field)
    return sa.or_(sa.false(), *(_holds(text, Identifier("", str(one))) for one in values))
