"""`delete`: files first, then children, then parents; and `mask`, which leaves the rows and takes the person out."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from shared.datamap import Collection, FileExt
from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from shared.spill import Spilled
from workers.connectors.sql.cascades import cascades, count
from workers.connectors.sql.database import Database
from workers.connectors.sql.fates import NEEDED_BY_OTHERS, Fates, Kept, latest_end
from workers.connectors.sql.files import Files
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.leaves import Mask
from workers.connectors.sql.mask import Masks, changes
from workers.connectors.sql.matching import names_subject
from workers.connectors.sql.progress import Progress
from workers.connectors.sql.rows import Notes, Row, chunks, having, key_of, within
from workers.connectors.sql.writing import Writer, differently, refuse

_FATES = {"duty": "retained", "kept": "retained", "needed": "retained", "masked": "masked", "shared": "shared"}


class Erasure:
    """One run of either verb over what was written down."""

    def __init__(self, database: Database, graph: Graph, files: Files | None, work: Work, today: date) -> None:
        self._database, self._graph, self._files, self._work = database, graph, files, work
        self._notes = Notes(work, graph)
        refuse(database, graph, self._notes)
        self._fates = Fates(database, graph, self._notes, work.subject, today)
        self._outcome = Outcome()

    def delete(self) -> Outcome:
        """Delete what may go; keep, mask or redact the rest."""
        self._fates.decide()
        kept = self._fates.kept
        for cascade in cascades(self._database, self._graph):
            along = count(self._database, cascade, self._going(cascade.parent.name))
            self._outcome.count(cascade.table, "erased", along)
        self._delete_files()
        self._let_go()
        progress = Progress(self._work)
        for name in self._fates.order:
            collection = self._graph.collections[name]
            # Written down parents first; backwards, a row goes before the row of its own table that it references.
            for batch in chunks(reversed(self._notes.rows.get(name, Spilled()))):
                if going := progress.rest(name, [one for one in batch if one.place not in kept]):
                    gone = Writer(self._database, collection, self._outcome).delete([one.key for one in going])
                    progress.went(name, len(going), gone.erased, gone.failed)
                self._keep(collection, [one for one in batch if one.place in kept])
            self._outcome.count(name, "erased", progress.erased[name])
        return self._close()

    def mask(self) -> Outcome:
        """Mask every row that is not another person's too."""
        for name, found in self._notes.rows.items():
            for batch in chunks(found):
                shared = self._fates.theirs_too(self._graph.collections[name], batch)
                for one in batch:
                    kept = Kept("shared", NEEDED_BY_OTHERS) if one.key in shared else Kept("masked")
                    self._fates.keep(one.place, kept)
        self._delete_files()
        for name, found in self._notes.rows.items():
            for batch in chunks(found):
                self._keep(self._graph.collections[name], batch)
        return self._close()

    def _close(self) -> Outcome:
        """Redact the mentions; say, a collection and ground at a time, why and until when rows were kept."""
        for name, found in self._notes.mentions.items():
            for batch in chunks(found):
                self._redact(self._graph.collections[name], batch)
        for (name, outcome, ground), all_of_it in self._fates.grounds.items():
            self._outcome.because(name, outcome, ground, latest_end(all_of_it))
        return self._outcome

    def _let_go(self) -> None:
        """Loosen what the order of deletes cannot heed: rows that need each other, in one table or in a circle."""
        for one, field in self._fates.loose.items():
            order, table = self._fates.order, self._database.table(one.child)
            if order.index(one.child) < order.index(one.parent):
                continue
            child = self._graph.collections[one.child]
            for batch in chunks(self._going(one.child)):
                with self._database.writing(one.child) as connection:
                    here = sa.and_(having(table, child, [found.key for found in batch]), within(table, child))
                    connection.execute(sa.update(table).where(here).values({field: None}))

    def _going(self, name: str) -> Iterator[Found]:
        return (one for one in self._notes.rows.get(name, ()) if one.place not in self._fates.kept)

    def _keep(self, collection: Collection, found: Sequence[Found]) -> None:
        by_how: dict[str, list[Found]] = {}
        for one in found:
            by_how.setdefault(self._fates.kept[one.place].how, []).append(one)
        masks = Masks(
            collection,
            self._database.table(collection.name),
            self._graph,
            self._work.subject,
            self._work.key,
        )
        for how, some in by_how.items():
            fate = _FATES[how]
            number = self._overwrite(
                collection, some, masks, self._masks(masks, how, len(some)), mark=how in ("duty", "needed")
            )
            self._outcome.count(collection.name, "masked" if how == "masked" else "retained", number)
            for one in some:
                self._work.note(dataclasses.replace(one, fate=fate))

    def _masks(self, masks: Masks, how: str, rows: int) -> dict[str, Mask]:
        match how:
            case "masked":
                return masks.whole(self._outcome, rows)
            case "needed":
                return masks.explicit(self._outcome, rows)
            case "shared":
                return masks.identifiers()
        return {}

    def _overwrite(
        self, collection: Collection, found: Sequence[Found], of: Masks, masks: dict[str, Mask], *, mark: bool = False
    ) -> int:
        """Write masked values into rows, and the marks of a restriction; return how many of the rows hold them."""
        marks = dict(collection.ext.restrict) if mark else {}
        settled = {one.key for one in found if one.fate in ("masked", "retained")}
        writer = Writer(self._database, collection, self._outcome)
        unfit: set[tuple[str, str]] = set()

        def masked(rows: Mapping[str, Row]) -> dict[str, Row]:
            return {
                key: marks
                | changes(
                    row,
                    of.for_row(masks, row),
                    again=self._stands if key in settled else None,
                    misfit=lambda name, key=key: unfit.add((key, name)),  # type: ignore[misc] # of this round
                )
                for key, row in rows.items()
            }

        columns = [*masks, *marks, *of.parties.fields]
        written = writer.rewrite([one.key for one in found], columns, masked, differently)
        for _, name in sorted(unfit):
            writer.misfit(name)
        return len(set(written.whole) - {key for key, _ in unfit})

    def _stands(self, value: object) -> bool:
        return names_subject(value, self._work.subject)

    def _redact(self, collection: Collection, found: Sequence[Found]) -> None:
        table = self._database.table(collection.name)
        masks = Masks(collection, table, self._graph, self._work.subject, self._work.key)
        redacted = self._overwrite(collection, found, masks, masks.free_text())
        self._outcome.count(collection.name, "redacted", redacted)
        for one in found:
            self._work.note(dataclasses.replace(one, fate="redacted"))

    def _delete_files(self) -> None:
        for place, found in self._notes.files.items():
            for batch in chunks(found if self._files else ()):
                kept = self._files_kept([one.key for one in batch])
                for one in batch:
                    if fate := kept.get(one.key):
                        self._outcome.count(place, "retained")
                        ground = NEEDED_BY_OTHERS if fate == "shared" else "its record is retained"
                        self._outcome.because(place, "retained", ground)
                        self._work.note(dataclasses.replace(one, fate=fate))
                    elif self._files:
                        self._delete_file(self._files, place, one)

    def _delete_file(self, files: Files, place: str, one: Found) -> None:
        removed = files.delete(place, one.key)
        if held := removed.held:
            self._outcome.count(place, "retained")
            self._outcome.because(place, "retained", held.ground, held.until)
            self._work.note(dataclasses.replace(one, fate="retained"))
        elif removed.there:
            self._outcome.count(place, "erased")

    def _files_kept(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the fate of those files that a row names which is not this person's, or is retained."""
        fates: dict[str, str] = {}
        for collection in self._graph.collections.values():
            table = self._database.table(collection.name)
            for one in collection.ext.files:
                with self._database.reading(collection.name) as connection:
                    for key, path in self._naming(connection, table, collection, one, paths):
                        kept = self._fates.kept.get((collection.name, key))
                        if (collection.name, key) not in self._notes.fates:
                            fates[path] = "shared"
                        elif kept and kept.how != "masked":
                            fates.setdefault(path, _FATES[kept.how])
        return fates

    def _naming(
        self, connection: sa.Connection, table: sa.Table, collection: Collection, ext: FileExt, paths: Sequence[str]
    ) -> Iterable[tuple[str, str]]:
        assert self._files is not None
        query = sa.select(*(table.c[name] for name in {*collection.primary_key, *ext.columns}))
        rows = connection.execute(query.where(self._files.naming(table, ext, paths))).mappings()
        place = f"{collection.name}.{ext.column}"
        return [(key_of(collection, row), self._files.named(place, ext, row)) for row in rows]
