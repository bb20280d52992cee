"""What becomes of each row in an erasure: most go; some are kept by a duty, by another row, or by another person."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

import sqlalchemy as sa

from shared.datamap import Collection, Column, Retain
from shared.deadlines import period
from shared.domain.identifier import Subject
from shared.domain.outcome import Found
from shared.spill import Labels
from workers.connectors.sql import matching
from workers.connectors.sql.database import Database
from workers.connectors.sql.elements import Elements
from workers.connectors.sql.exact import equals
from workers.connectors.sql.graph import Graph, Reference, author_of, holds, links
from workers.connectors.sql.rows import Notes, Row, chunks, fetch, key_of

NEEDED_BY_OTHERS = "still needed by another person"
NEEDED = "a row that stays still needs it"


@dataclass(frozen=True, slots=True)
class Kept:
    """Why a row stays, and what of it goes all the same.

    `duty`, `kept`: nothing; `needed`: its fields with a `mask`; `masked`: all personal fields; `shared`: only this
    person's identifiers, as it is another person's too.
    """

    how: Literal["duty", "kept", "needed", "masked", "shared"]
    ground: str = ""
    until: date | None = None


class Fates:
    """The rows of a ticket that stay, by place; a row that is not in `kept` goes."""

    def __init__(self, database: Database, graph: Graph, notes: Notes, subject: Subject, today: date) -> None:
        self._database, self._graph, self._subject, self._today = database, graph, subject, today
        self._notes = notes
        self.enforced = enforced(database, graph)
        self.loose = {one: field for one in self.enforced if (field := loose(database, one))}
        self.order = graph.children_first(self.enforced, self.loose)
        self._references = tuple(dict.fromkeys([*graph.references, *self.enforced]))
        self._needs: Labels[Kept] = Labels()
        self._needed: dict[
            tuple[str, tuple[str, ...]], None
        ] = {}  # the fields by which kept rows need others, in order
        self.kept: Labels[Kept] = Labels()
        self.grounds: dict[tuple[str, str, str], set[Kept]] = {}

    def decide(self) -> None:
        """Decide until nothing changes: what is kept keeps what it needs."""
        grows = True
        while grows:
            grows = False
            for name in filter(self._may_stay, self.order):
                for batch in chunks(self._notes.rows.get(name, ())):
                    grows |= self._decide(self._graph.collections[name], batch)

    def _may_stay(self, name: str) -> bool:
        """Say whether anything can keep a collection's rows; where nothing can, none of them need be read."""
        collection = self._graph.collections[name]
        ext = collection.ext
        needed = any(one.parent == name for one in self._references) or any(name == one for one, _ in self._needed)
        lists = any(one.structured for one in collection.identities.values())
        return ext.retain is not None or ext.on_erasure != "delete" or needed or lists

    def keep(self, place: tuple[str, str], kept: Kept) -> None:
        """Let a row stay."""
        self.kept[place] = kept
        if kept.ground:
            outcome = "masked" if kept.how == "masked" else "retained"
            self.grounds.setdefault((place[0], outcome, kept.ground), set()).add(kept)

    def shared(self, collection: Collection, rows: dict[str, Row], *, led: bool = False) -> set[str]:
        """Return the keys of rows that another person's row references (`led`: and that a lead calls theirs too)."""
        return {
            key
            for reference in self._references
            if reference.parent == collection.name and (not led or self._leads_up(reference))
            for key in self._referenced(reference, rows)
        }

    def theirs_too(self, collection: Collection, found: Sequence[Found]) -> set[str]:
        """Return the keys of noted rows that are another person's as well: nobody may change these for one of them."""
        rows = self._rows(collection, [one.key for one in found])
        return {key for key in self.shared(collection, rows, led=True) if not self.own(collection, rows[key])}

    def own(self, collection: Collection, row: Row) -> bool:
        """Say whether a noted row is this person's by its own word: its identity or its author."""
        found = matching.traits(collection, row, self._subject).identifiers
        return bool(found & self._subject.identifiers) or author_of(collection, row) is not None

    def _decide(self, collection: Collection, batch: Sequence[Found]) -> bool:
        """Decide about a batch; say whether any more of it stays."""
        rows = self._rows(collection, [one.key for one in batch if one.place not in self.kept])
        by_others = self.shared(collection, rows)
        theirs_too = self.shared(collection, rows, led=True) if by_others else by_others
        grows = False
        for key, row in rows.items():
            shared: Literal["shared", "masked"] | None = None
            if key in by_others:
                shared = "shared" if key in theirs_too else "masked"
            kept = self._of_itself(collection, row) or self._for_another(collection, row, shared)
            if kept:
                self.keep((collection.name, key), kept)
                self._keep_what_it_needs(collection, row, kept)
                grows = True
        return grows

    def _rows(self, collection: Collection, keys: Sequence[str]) -> dict[str, Row]:
        table = self._database.table(collection.name)
        texts = {one.name for one in collection.columns.values() if one.ext.free_text}
        fields = set(self._graph.fields(collection.name)) - texts | self._graph.judged_by(collection.name)
        fields |= {field for one in self.enforced if one.child == collection.name for field in one.child_fields}
        fields |= {field for one in self.enforced if one.parent == collection.name for field in one.parent_fields}
        with self._database.reading(collection.name) as connection:
            return fetch(connection, table, collection, keys, fields)

    def _of_itself(self, collection: Collection, row: Row) -> Kept | None:
        if running := duty(collection, row, self._today):
            return running
        if collection.ext.on_erasure == "keep":
            return Kept("kept", collection.info.retention or "kept by the data map")
        return None

    def _for_another(self, collection: Collection, row: Row, shared: Literal["shared", "masked"] | None) -> Kept | None:
        needs = [
            kept
            for name, fields in self._needed
            if name == collection.name
            for value in links(collection, row, fields, blank=True)
            if (kept := self._needs.get((name, *fields, value)))
        ]
        if needed := next((kept for kept in needs if kept.how == "needed"), None):
            return needed
        if collection.ext.on_erasure == "mask":
            return Kept("masked")
        if Elements(collection, self._subject).shared(row):
            return Kept("shared", NEEDED_BY_OTHERS)
        if shared:
            # Of a row that is this person's alone others need the key, not the name and address in it.
            return Kept("masked" if self.own(collection, row) else shared, NEEDED_BY_OTHERS)
        return needs[0] if needs else None

    def _keep_what_it_needs(self, collection: Collection, row: Row, kept: Kept) -> None:
        whole = kept.how in ("duty", "kept", "needed")
        for one in self._references if whole else self.enforced:
            if one.child == collection.name and holds(row, one.when):
                why = Kept("needed", kept.ground, kept.until) if whole else Kept("masked", NEEDED)
                self._needed[one.parent, one.parent_fields] = None
                for value in links(collection, row, one.child_fields, blank=one in self.enforced):
                    place = (one.parent, *one.parent_fields, value)
                    if whole or place not in self._needs:
                        self._needs[place] = why

    def _leads_up(self, reference: Reference) -> bool:
        return any(not lead.down and lead.reference == reference for lead in self._graph.leads)

    def _referenced(self, reference: Reference, rows: dict[str, Row]) -> Iterator[str]:
        """Yield the keys of those rows that a child references that was not written down as this person's."""
        child = self._graph.collections[reference.child]
        table = self._database.table(child.name)
        values: dict[str, list[str]] = {}
        parent, blank = self._graph.collections[reference.parent], reference in self.enforced
        for key, row in rows.items():
            for value in links(parent, row, reference.parent_fields, blank=blank):
                values.setdefault(value, []).append(key)
        raw = {one for row in rows.values() for one in links(parent, row, [reference.parent_field], blank=blank)}
        field = child.fields.get(reference.child_field) or Column(reference.child_field)
        fields = {child.fields[one].column if one in child.fields else one for one in reference.child_fields}
        query = sa.select(*(table.c[name] for name in {*child.primary_key, *fields})).where(
            matching.linked(table, field, raw),
            *(equals(table.c[field], value) for field, value in reference.when),
        )
        with self._database.reading(child.name) as connection:
            for one in connection.execution_options(yield_per=500).execute(query).mappings():
                if (child.name, key_of(child, one)) not in self._notes.fates:
                    for value in links(child, one, reference.child_fields, blank=blank):
                        yield from values.get(value, ())


def enforced(database: Database, graph: Graph) -> tuple[Reference, ...]:
    """Return the references between mapped tables that the database itself insists on."""
    return tuple(
        _reference(name, [(one.parent.name, *_aim(one)) for one in constraint.elements])
        for name in graph.collections
        for constraint in database.table(name).foreign_key_constraints
        if _aim(constraint.elements[0])[0] in graph.collections
        and (constraint.ondelete or "").upper() not in ("SET NULL", "SET DEFAULT")
    )


def loose(database: Database, reference: Reference) -> str | None:
    """Return a column that, emptied, lets go of what a reference needs: None where none of them may be NULL."""
    table = database.table(reference.child)
    return next((one for one in reference.child_fields if table.c[one].nullable), None)


def _reference(child: str, ends: Sequence[tuple[str, str, str]]) -> Reference:
    (field, parent, parent_field), *more = ends
    return Reference(child, field, parent, parent_field, (), tuple((here, there) for here, _, there in more))


def _aim(key: sa.ForeignKey) -> tuple[str, str]:
    table, _, field = key.target_fullname.rpartition(".")
    return table.rpartition(".")[2], field


def duty(collection: Collection, row: Row, today: date) -> Kept | None:
    """Return the retention duty that still runs for a row; one whose start is unknown runs."""
    retain = collection.ext.retain
    if retain is None:
        return None
    start = _date(row[retain.from_])
    if start is None:
        return Kept("duty", retain.ground)
    until = ends(retain, start)
    return Kept("duty", retain.ground, until) if today <= until else None


def ends(retain: Retain, start: date) -> date:
    """Return the last day of a retention duty."""
    if retain.starts == "end_of_year":
        start = date(start.year, 12, 31)
    return period(retain.period).after(start)


def _date(value: object) -> date | None:
    match value:
        case datetime():
            return value.date()
        case date():
            return value
        case int() | float():
            return datetime.fromtimestamp(value, UTC).date()
        case str():
            try:
                return date.fromisoformat(value.strip()[:10])
            except ValueError:
                return None
    return None


def latest_end(kept: Iterable[Kept]) -> date | None:
    """Return the end of the longest of some duties, None if one has no known end."""
    ends_on = [one.until for one in kept]
    return None if None in ends_on else max(filter(None, ends_on), default=None)
