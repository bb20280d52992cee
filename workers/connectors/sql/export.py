"""`export`: every row that is the person's, as it stands, and the files that it names."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from shared.datamap import Collection, Column
from shared.domain.identifier import EMAIL, PHONE
from shared.domain.outcome import Found, Outcome
from shared.masking import strategy
from shared.masking.freetext import redact_others
from shared.ports import Work
from workers.connectors.sql.database import Database
from workers.connectors.sql.documents import blanked, changed_in, only, opened
from workers.connectors.sql.elements import Elements
from workers.connectors.sql.files import Files
from workers.connectors.sql.graph import Graph, author_of
from workers.connectors.sql.mask import document, each_text
from workers.connectors.sql.parties import Parties, nameless, texts_of, without
from workers.connectors.sql.rows import Notes, Row, chunks, fetch, plain

_MASKS = {EMAIL: "email", PHONE: "phone"}


def export(database: Database, graph: Graph, files: Files | None, work: Work) -> Outcome:
    """Write rows and files into the package; portability takes what the person provided or what was observed."""
    outcome, notes = Outcome(), Notes(work, graph)
    for name, found in notes.rows.items():
        collection = graph.collections[name]
        columns = _columns(collection, provided=bool(work.args.get("provided")))
        if columns:
            rest = islice(found, work.package.passed(name), None)
            batches = _batches(database, collection, columns, rest, work)
            outcome.count(name, "exported", work.package.batches(name, [one.name for one in columns], batches))
    for place, found in notes.files.items():
        name, _, column = place.partition(".")
        if files and graph.collections[name].columns[column] in _columns(
            graph.collections[name], provided=bool(work.args.get("provided"))
        ):
            _copy(files, place, found, work, outcome, _Names(database, graph.collections[name], files, column, work))
    return outcome


def _columns(collection: Collection, *, provided: bool) -> list[Column]:
    """Return the columns to export; of a document of which only some fields were provided, these."""
    return [
        one
        for one in collection.columns.values()
        if not provided or any(_was_provided(field) for field in (one, *collection.within(one.name)))
    ]


def _was_provided(column: Column) -> bool:
    return column.provided in ("true", "observed")


def _batches(
    database: Database, collection: Collection, columns: Sequence[Column], found: Iterable[Found], work: Work
) -> Iterator[tuple[int, Iterator[Mapping[str, Any]]]]:
    table = database.table(collection.name)
    author = collection.ext.author
    parties, texts = Parties(collection, work.subject), texts_of(collection, columns)
    needed = [*([author.field, *author.when] if author else []), *parties.fields]
    shows = {True: _shows(collection, columns, work, by_herself=True)}
    shows[False] = _shows(collection, columns, work, by_herself=False)
    documents = {one.name for one in columns if document(table, one)}
    files = {one.column for one in collection.ext.files}

    def shown(row: Row) -> dict[str, Any]:
        apart, others = parties.apart(row), parties.others(row)

        def value(name: str) -> Any:
            if name in files:
                return nameless(row[name], apart) if row[name] else row[name]
            text = without(row[name], apart) if name in texts else row[name]
            return opened(text) if name in documents else text

        return {
            name: _masked(collection.columns[name], work, row[name]) if name in others else show(value(name))
            for name, show in shows[author_of(collection, row) is not None]
        }

    for batch in chunks(found):
        keys = [one.key for one in batch]
        with database.reading(collection.name) as connection:
            rows = fetch(connection, table, collection, keys, [*needed, *(one.name for one in columns)])
        yield len(batch), map(shown, rows.values())


def _shows(
    collection: Collection, columns: Sequence[Column], work: Work, *, by_herself: bool
) -> list[tuple[str, Callable[[Any], Any]]]:
    """Return, by column, what makes a value what the person may see of it."""
    return [(one.name, _show(collection, one, work, by_herself=by_herself)) for one in columns]


def _show(collection: Collection, column: Column, work: Work, *, by_herself: bool) -> Callable[[Any], Any]:
    """Return what makes a column's value what the person may see: nothing of others, in portability what counts."""
    fields = collection.within(column.name)
    others = Elements(collection, work.subject).others_in(column.name)
    left_out = [one for one in fields if work.args.get("provided") and not _was_provided(one)]
    apart = work.args.get("provided") and not _was_provided(column)

    def show(value: Any) -> Any:
        if apart:
            value = only(value, [one.path for one in fields if _was_provided(one)])
        for one in left_out:
            value = changed_in(one, value, lambda _: None)
        if others is not None:
            value = blanked(value, others.among)
        for one in fields:
            if one.ext.others or one.ext.free_text:
                value = changed_in(one, value, partial(_shown, one, work, by_herself))
        return _shown(column, work, by_herself, value)

    return show


def _shown(column: Column, work: Work, by_herself: bool, value: Any) -> Any:
    """Return a value as the person may see it: another person's is masked (Art. 15(4)).

    What she wrote herself stays as she wrote it; in what others wrote, their and third people's addresses go.
    """
    if value is not None and column.ext.free_text and not by_herself:
        value = each_text(value, lambda text: redact_others(text, work.subject), documents=True)
    return _masked(column, work, value) if column.ext.others else plain(value)


def _masked(column: Column, work: Work, value: Any) -> Any:
    """Return another person's value as the person may see it; her own stands as it is."""
    if not value:
        return plain(value)
    kind = column.identity or next((one for one in _MASKS if column.has(f"user.contact.{one}")), "")
    if kind and work.subject.normalise(kind, value) in work.subject.identifiers:
        return plain(value)
    return strategy(_MASKS.get(kind, "redact"))(str(plain(value)), key=work.key)


class _Names:
    """What the files of a column are called in a package: other people's numbers stand in the names of recordings."""

    def __init__(self, database: Database, collection: Collection, files: Files, column: str, work: Work) -> None:
        self._database, self._collection, self._files = database, collection, files
        self._ext = next(one for one in collection.ext.files if one.column == column)
        self._parties = Parties(collection, work.subject)

    def of(self, path: str) -> str:
        """Return a path without the other people of the rows that name it."""
        name, table = self._files.name(path), self._database.table(self._collection.name)
        if not self._parties.fields:
            return name
        query = sa.select(*(table.c[one] for one in {*self._parties.fields, *self._ext.columns}))
        with self._database.reading(self._collection.name) as connection:
            for row in connection.execute(query.where(self._files.naming(table, self._ext, [name]))).mappings():
                if self._files.named(self._collection.name, self._ext, row) == self._files.name(path):
                    name = nameless(name, self._parties.apart(row))
        return name


def _copy(files: Files, place: str, found: Iterable[Found], work: Work, outcome: Outcome, names: _Names) -> None:
    for one in found:
        if not files.exists(place, one.key):
            outcome.count(place, "residual")
            outcome.because(place, "residual", "a file that a record names is not there")
            continue
        with files.open(place, one.key) as stream:
            work.package.file(names.of(one.key), stream)
        outcome.count(place, "exported")
