"""Find every row of a person: roots by their identifiers, then along the edges of the data map, then mentions."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import sqlalchemy as sa

from shared.datamap import Collection
from shared.domain.identifier import (
    PHONE,
    Identifier,
    Traits,
    at_odds,
    names_another_address,
    own_names,
    says_who,
    verdict,
)
from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from shared.spill import Labels, Spilled
from workers.connectors.sql import matching
from workers.connectors.sql.database import Database
from workers.connectors.sql.documents import values
from workers.connectors.sql.exact import equals
from workers.connectors.sql.files import Files
from workers.connectors.sql.graph import Graph, Lead, holds, links
from workers.connectors.sql.returning import Returning
from workers.connectors.sql.rows import Row, chunks, digest, key_of, unique, within
from workers.connectors.sql.tenancy import Tenancy
from workers.connectors.sql.whose import Ownership, Whose, has_parent, weight


@dataclass(frozen=True, slots=True)
class Step:
    """A row on the frontier: what its edges need of it. A looked-up row is one that the person's rows merely need."""

    collection: str
    row: Row
    whose: Whose


class Search:
    """One search; it notes each row once, and once more if a doubt about it was settled."""

    def __init__(self, database: Database, graph: Graph, work: Work, files: Files | None = None) -> None:
        self._database, self._graph, self._work, self._files = database, graph, work, files
        self._tenancy = Tenancy(database, graph)
        self._subject = work.subject
        self._fates: Labels[str] = Labels()
        for one in work.found():
            if one.fate:
                self._fates[one.place] = one.fate
        self._whose: Labels[Whose] = Labels()
        self._ownership = Ownership(graph, work.subject.given)
        self._doubtful: Spilled[Step] = Spilled()
        self._returning = Returning(database)
        self._counted: Counter[tuple[str, str]] = Counter()
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """Search until nothing new is found."""
        wanted = self._subject.identifiers
        while wanted:
            known = self._subject.identifiers
            self._round(wanted)
            wanted = self._subject.identifiers - known
        for (collection, kind), number in self._counted.items():
            self._outcome.count(collection, kind, number)
        self._mentions()
        self._returning.finish()
        self._outcome.identifiers |= self._subject.identifiers - self._work.subject.identifiers
        self._outcome.names |= self._subject.names - self._work.subject.names
        return self._outcome

    def is_ambiguous(self, place: tuple[str, str]) -> bool:
        """Say whether a person has to decide about a row."""
        return self._whose.get(place) == "ambiguous"

    def sure_roots(self) -> Iterator[tuple[str, str]]:
        """Yield the places of the rows that an own identifier finds for sure; a number may be a household's."""
        own = {one for one in self._subject.identifiers if one.kind != PHONE}
        decisive = {one for one in own if self._subject.decides(one)}
        for step in chain(self._roots(decisive), self._by_shared(frozenset(own - decisive))):
            if step.whose == "sure":
                yield step.collection, key_of(self._graph.collections[step.collection], step.row)

    def _round(self, wanted: frozenset[Identifier]) -> None:
        """Take what decides first: its names tell whether the record of a number or id that others share is theirs."""
        own = {one for one in wanted if self._subject.decides(one)}
        for roots in (self._sure(self._roots(own)), self._by_shared(wanted - own)):
            for batch in chunks(roots):
                self._follow(batch)
        self._follow(self._doubtful)

    def _roots(self, wanted: Iterable[Identifier]) -> Iterator[Step]:
        for collection in self._graph.collections.values():
            for row in self._matching(collection, wanted):
                found = verdict(self._subject, matching.traits(collection, row, self._subject))
                if found != "other":
                    yield Step(collection.name, dict(row), found)

    def _sure(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield the steps that are sure; keep the others back."""
        for step in steps:
            if step.whose == "sure":
                yield step
            else:
                self._doubtful.append(step)

    def _by_shared(self, wanted: frozenset[Identifier]) -> Iterator[Step]:
        """Yield the roots by what others may share; those that contradict one another are nobody's for sure."""
        bearing: Spilled[Step] = Spilled()
        bare: Spilled[Step] = Spilled()
        said: set[Traits] = set()
        contested: set[Identifier] = set()  # what another person's record bears too
        for step in self._roots(wanted):
            found = self._traits(step)
            shared = not any(map(self._subject.decides, found.identifiers & self._subject.identifiers))
            if step.whose == "ambiguous":
                if names_another_address(self._subject, found):  # another name alone may be hers, spelt otherwise
                    contested |= found.identifiers & wanted
                self._doubtful.append(step)
            elif shared and says_who(self._subject, found):
                bearing.append(step)
                said.add(found)
            elif shared and has_parent(self._graph, step.collection, step.row):
                # The number may be a household's: the row is theirs for sure only if its parent leads to it.
                self._doubtful.append(dataclasses.replace(step, whose="ambiguous"))
            elif shared:
                bare.append(step)
            else:
                yield step
        if at_odds(said):
            contested |= {one for found in said for one in found.identifiers & wanted}
            bearing, bare = Spilled(), Spilled(chain(bearing, bare))
        yield from bearing
        for step in bare:
            if self._traits(step).identifiers & self._subject.identifiers <= contested:
                self._doubtful.append(dataclasses.replace(step, whose="ambiguous"))
            else:
                yield step

    def _traits(self, step: Step) -> Traits:
        return matching.traits(self._graph.collections[step.collection], step.row, self._subject)

    def _matching(self, collection: Collection, wanted: Iterable[Identifier]) -> Iterator[Row]:
        table = self._database.table(collection.name)
        conditions = [
            condition
            for column in collection.identities.values()
            if (condition := matching.may_be(table, column, wanted)) is not None
        ]
        if conditions:
            yield from self._stream(collection, sa.and_(sa.or_(*conditions), self._tenancy.of(collection)))

    def _stream(self, collection: Collection, condition: sa.ColumnElement[bool]) -> Iterator[Row]:
        table = self._database.table(collection.name)
        query = sa.select(*(table.c[name] for name in self._graph.fields(collection.name))).where(
            condition, within(table, collection)
        )
        with self._database.reading(collection.name) as connection:
            yield from connection.execution_options(yield_per=500).execute(query).mappings()

    def _follow(self, roots: Iterable[Step]) -> None:
        frontier = self._taken(roots)
        while frontier:
            frontier = self._taken(self._onward(frontier))

    def _taken(self, steps: Iterable[Step]) -> dict[str, Spilled[Step]]:
        """Write rows down; return those that were news and lead on, by collection."""
        frontier: dict[str, Spilled[Step]] = {}
        for step in steps:
            if kept := self._take(step):
                frontier.setdefault(kept.collection, Spilled()).append(kept)
        return frontier

    def _onward(self, frontier: Mapping[str, Iterable[Step]]) -> Iterator[Step]:
        for name, steps in frontier.items():
            for lead in self._graph.out_of(name):
                yield from self._along(lead, (step for step in steps if self._goes_on(lead, step)))

    def _goes_on(self, lead: Lead, step: Step) -> bool:
        """Never turn back down from a row that says nothing about anybody, such as an inbox or a product."""
        return not lead.down or step.whose != "looked-up" or self._personal(step.collection)

    def _personal(self, name: str) -> bool:
        return any(column.personal for column in self._graph.collections[name].fields.values())

    def _along(self, lead: Lead, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield the rows that an edge leads to and that are not someone else's."""
        target = self._graph.collections[lead.target]
        table = self._database.table(lead.target)
        field = target.fields.get(lead.target_field)
        when = [] if lead.holder != lead.target else [equals(table.c[field], value) for field, value in lead.when]
        for batch in chunks(_values(self._graph.collections[lead.source], lead, steps)):
            sources = dict(batch)  # of a value that comes twice, the later one weighs more
            firsts = [json.loads(one)[0] for one in sources] if lead.also else list(sources)
            sources |= dict.fromkeys(self._of_others_too(lead, sources, firsts), "ambiguous")
            for row in self._stream(target, sa.and_(matching.linked(table, field, firsts), *when)):
                led = [sources[one] for one in links(target, row, lead.target_fields) if one in sources]
                if not led or not (lead.holder != lead.target or holds(row, lead.when)):
                    continue  # the database compares more broadly than we do
                whose = self._ownership.judge(target, row, lead, max(led, key=weight), self._subject)
                if whose != "other":
                    yield Step(lead.target, row, whose)

    def _of_others_too(self, lead: Lead, sources: Mapping[str, Whose], firsts: Sequence[str]) -> Iterator[str]:
        """Yield the values that a record bears too which may be, or says that it is, another's: `0`, a household's."""
        collection, table = self._graph.collections[lead.source], self._database.table(lead.source)
        if not lead.down or lead.reference.groups or unique(table, lead.source_fields):
            return
        condition = matching.linked(table, collection.fields.get(lead.source_field), firsts)
        for row in self._stream(collection, sa.and_(condition, self._tenancy.of(collection))):
            if (lead.holder != lead.source or holds(row, lead.when)) and self._may_be_anothers(lead, row):
                yield from (one for one in links(collection, row, lead.source_fields) if one in sources)

    def _may_be_anothers(self, lead: Lead, row: Row) -> bool:
        """Say whether a record may be another's; one that names nobody (a visit before the login) contests nothing."""
        collection = self._graph.collections[lead.source]
        whose = self._whose.get((lead.source, key_of(collection, row)))
        if whose in ("sure", "ambiguous"):
            return whose == "ambiguous"
        return self._ownership.names_another(collection, row, lead.source_fields, self._subject)

    def _take(self, step: Step) -> Step | None:
        """Write a row down; if that was news, return what of it its edges need."""
        collection = self._graph.collections[step.collection]
        place = (step.collection, key_of(collection, step.row))
        if not self._is_news(place, step.whose):
            return None
        self._ownership.take(step.collection, step.row, step.whose)
        if step.whose == "sure":
            self._learn(collection, step.row)
        if self._counts(step.collection, step.whose):
            self._returning.add(collection, step.row)
            self._note(*place, "subject", step.whose, digest(self._work.key, step.row))
        if self._files:
            for one in collection.ext.files:
                if step.row[one.column]:
                    named = f"{step.collection}.{one.column}"
                    self._note_file(named, self._files.named(named, one, step.row), step.whose)
        leads = self._graph.out_of(step.collection)
        fields = {collection.fields[field].column for lead in leads for field in lead.source_fields} | {
            field for lead in leads if lead.holder == step.collection for field, _ in lead.when
        }
        return dataclasses.replace(step, row={field: step.row[field] for field in fields}) if leads else None

    def _is_news(self, place: tuple[str, str], whose: Whose) -> bool:
        """Say whether a row or file is more surely the person's than was known; from now on it is known."""
        before = self._whose.get(place, "other")
        if weight(before) >= weight(whose):
            return False
        self._whose[place] = whose
        for one, more in ((before, -1), (whose, 1)):
            if one != "other" and self._counts(place[0], one):
                self._counted[place[0], "ambiguous" if one == "ambiguous" else "found"] += more
        return True

    def _counts(self, collection: str, whose: Whose) -> bool:
        """Say whether a row is written down: one that hers merely need is, if it says something about people."""
        return whose != "looked-up" or collection not in self._graph.collections or self._personal(collection)

    def _note_file(self, collection: str, path: str, whose: Whose) -> None:
        if self._is_news((collection, path), whose):
            self._note(collection, path, "file", whose, digest(self._work.key, {"path": path}))

    def _note(self, collection: str, key: str, how: str, whose: Whose, content: str) -> None:
        fate = self._fates.get((collection, key), "")
        self._work.note(Found(collection, key, how, sure=whose != "ambiguous", fate=fate, digest=content))

    def _learn(self, collection: Collection, row: Row) -> None:
        found = matching.traits(collection, row, self._subject)
        more = matching.widening(collection, row, self._subject)
        self._subject = dataclasses.replace(
            self._subject,
            widened=self._subject.widened | (more - self._subject.identifiers),
            names=self._subject.names | own_names(self._subject, found),
        )

    def _mentions(self) -> None:
        """Write down the rows that are not the person's and name them in a free text."""
        subject = matching.told_apart(self._subject)
        for collection in self._graph.collections.values():
            fields = [one for one in collection.fields.values() if one.ext.free_text]
            table = self._database.table(collection.name)
            conditions = [matching.may_name(table.c[one.column], subject.identifiers) for one in fields]
            here = sa.and_(sa.or_(sa.false(), *conditions), self._tenancy.of(collection))
            for row in self._stream(collection, here) if conditions else ():
                key = key_of(collection, row)
                mine = (collection.name, key) in self._whose
                if not mine and any(
                    matching.names_subject(values(collection, one.name, row), subject) for one in fields
                ):
                    self._returning.add(collection, row)
                    self._note(collection.name, key, "mention", "sure", digest(self._work.key, row))
                    self._outcome.count(collection.name, "mention")


def _values(source: Collection, lead: Lead, steps: Iterable[Step]) -> Iterator[tuple[str, Whose]]:
    """Yield each value by which rows lead on, with whose the row is: once, and again if a later one is surer."""
    known: Labels[Whose] = Labels()
    for step in steps:
        if lead.holder == lead.source and not holds(step.row, lead.when):
            continue
        for value in links(source, step.row, lead.source_fields):
            if weight(known.get((value,), "other")) < weight(step.whose):
                known[value,] = step.whose
                yield value, step.whose
