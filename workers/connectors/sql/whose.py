"""Whose a row is that an edge led to: hers for sure, one that hers merely need, a doubtful one, or someone else's."""

from collections.abc import Iterable
from typing import Any, Literal

from shared.datamap import Collection
from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, verdict
from shared.spill import Labels
from workers.connectors.sql import matching
from workers.connectors.sql.graph import Graph, Lead, author_of, holds, links, names_of
from workers.connectors.sql.rows import Row

Whose = Literal["sure", "looked-up", "ambiguous", "other"]
_WEIGHT = {"other": 0, "ambiguous": 1, "looked-up": 2, "sure": 3}


def weight(whose: Whose) -> int:
    """Say how far a row is the person's."""
    return _WEIGHT[whose]


class Ownership:
    """The linking values of the rows that were taken, and what follows from them for the rows that they lead to."""

    def __init__(self, graph: Graph, given: frozenset[Identifier]) -> None:
        self._graph = graph
        self._given = {one.kind for one in given}
        self._mine: Labels[Whose] = Labels()

    def take(self, collection: str, row: Row, whose: Whose) -> None:
        """Remember the linking values of a row."""
        for field in self._graph.link_fields(collection):
            for value in links(self._graph.collections[collection], row, [field]):
                place = (collection, field, value)
                if weight(self._mine.get(place, "other")) < weight(whose):
                    self._mine[place] = whose

    def judge(self, collection: Collection, row: Row, lead: Lead, source: Whose, subject: Subject) -> Whose:
        """Say whose a row is that an edge led to from a row that is `source`."""
        author = author_of(collection, row)
        if author is not None and collection.ext.author:
            table, _, field = collection.ext.author.to.partition(".")
            return self._of(table, field, author)
        found = matching.traits(collection, row, subject)
        if found.identifiers & subject.identifiers:
            return _least(verdict(subject, found), source)
        if any(one.kind in (EMAIL, PHONE) for one in found.identifiers):
            return "other"
        others = [
            (one, value)
            for one in self._graph.owners_of(collection.name)
            if one != lead and holds(row, one.when)
            for value in links(collection, row, [one.target_field])
        ]
        owners = [self._of(one.source, one.source_field, value) for one, value in others]
        if lead.down and source != "looked-up":
            # Another value of a kind of id that the ticket itself gave is a doubt; of any other kind, news.
            doubtful = any(one.kind in self._given for one in found.identifiers)
            # Bought by her for somebody else: which of the two may have it deleted is not for us to say.
            doubtful |= any(
                whose == "other" and self._is_a_person(one) for (one, _), whose in zip(others, owners, strict=True)
            )
            return _least("ambiguous", source) if doubtful else source
        if owners:
            return _least(max(owners, key=weight), "ambiguous" if source == "ambiguous" else "sure")
        # Nothing says that it is the person's: what hangs on a shared row may be anybody's.
        return "ambiguous" if lead.down else source if self._owned(lead) else _least("looked-up", source)

    def names_another(self, collection: Collection, row: Row, but: Iterable[str], subject: Subject) -> bool:
        """Say whether a row names somebody who is not the person, other than by some fields of its own."""
        apart = {collection.fields[field].column for field in but}
        found = matching.identifiers(collection, row, subject)
        if names_of(collection, row) or any(
            one not in subject.identifiers and not column.ext.others and column.column not in apart
            for column, one in found
        ):
            return True
        owners = (one for one in self._graph.owners_of(collection.name) if self._tells(one) and holds(row, one.when))
        return any(
            self._of(one.source, one.source_field, value) != "sure"
            for one in owners
            for value in links(collection, row, [one.target_field])
        )

    def _tells(self, lead: Lead) -> bool:
        """Say whether what an edge comes from is somebody's: a person's record, or owned in turn; a shop is neither."""
        source, column = self._graph.collections[lead.source], self._graph.collections[lead.target].fields
        somebody = bool(source.identities) or any(one.personal for one in source.fields.values())
        return (somebody or bool(self._graph.owners_of(lead.source))) and column[lead.target_field].ext.owner

    def _owned(self, lead: Lead) -> bool:
        """Say whether what an edge leads up to is its source's alone, such as the blob of an attachment."""
        return self._graph.collections[lead.source].fields[lead.source_field].ext.owns

    def _is_a_person(self, lead: Lead) -> bool:
        """Say whether an edge comes from people's own records, and what it leads to is theirs."""
        source, column = self._graph.collections[lead.source], self._graph.collections[lead.target].fields
        by_key = source.primary_key == (lead.source_field,)
        return bool(source.identities) and by_key and column[lead.target_field].ext.owner

    def _of(self, collection: str, field: str, value: Any) -> Whose:
        return self._mine.get((collection, field, str(value)), "other")


def has_parent(graph: Graph, collection: str, row: Row) -> bool:
    """Say whether a row hangs on a record, of a collection with identities, that says whose it is."""
    return any(
        lead.source != collection
        and graph.collections[lead.source].identities
        and graph.collections[lead.source].primary_key == (lead.source_field,)
        and links(graph.collections[collection], row, [lead.target_field])
        and holds(row, lead.when)
        for lead in graph.owners_of(collection)
    )


def _least(one: Whose, other: Whose) -> Whose:
    return min(one, other, key=weight)
