"""The second look: by the keys written down before the act, and by a scan of every text for the person's values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from shared.datamap import Collection
from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from workers.connectors.sql import matching
from workers.connectors.sql.database import Database
from workers.connectors.sql.fates import Fates, duty
from workers.connectors.sql.files import Files
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.leaves import Mask
from workers.connectors.sql.locate import Search
from workers.connectors.sql.mask import Masks
from workers.connectors.sql.rectify import Wanted
from workers.connectors.sql.restrict import LIFTED, RESTRICTED, formerly
from workers.connectors.sql.rows import Notes, Row, chunks, fetch, plain
from workers.connectors.sql.scan import KNOWN_TO_STAY, Scan


class Look:
    """One second look."""

    def __init__(self, database: Database, graph: Graph, files: Files | None, work: Work, today: date) -> None:
        self._database, self._graph, self._files, self._work, self._today = database, graph, files, work, today
        self._notes = Notes(work, graph)
        self._fates = Fates(database, graph, self._notes, work.subject, today)
        self._subject = matching.told_apart(work.subject)
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """Count whatever contradicts the act as a hit."""
        act = self._work.args.get("act", "delete")
        checks: dict[str, Callable[[Collection, Sequence[Found], Mapping[str, Row]], None]] = {
            "rectify": self._rectified,
            "restrict": self._restricted,
            "lift": self._lifted,
            "mask": self._masked,
        }
        self._by_keys(self._notes.rows, checks.get(act, self._deleted))
        if act in ("delete", "mask"):
            self._by_keys(self._notes.mentions, self._redacted)
            self._look_for_files()
            self._by_identity()
            self._scan()
        return self._outcome

    def _by_keys(
        self,
        notes: Mapping[str, Iterable[Found]],
        check: Callable[[Collection, Sequence[Found], Mapping[str, Row]], None],
    ) -> None:
        for name, found in notes.items():
            collection, table = self._graph.collections[name], self._database.table(name)
            for batch in chunks(found):
                keys = [one.key for one in batch]
                with self._database.reading(name) as connection:
                    rows = fetch(connection, table, collection, keys, self._graph.fields(name))
                check(collection, [one for one in batch if one.key in rows], rows)

    def _hit(self, collection: str, why: str) -> None:
        self._outcome.count(collection, "hit")
        self._outcome.because(collection, "hit", why)

    def _masks(self, collection: Collection) -> Masks:
        table = self._database.table(collection.name)
        return Masks(collection, table, self._graph, self._work.subject, self._work.key)

    def _deleted(self, collection: Collection, found: Sequence[Found], rows: Mapping[str, Row]) -> None:
        masks = self._masks(collection)
        for one in found:
            row = rows[one.key]
            match one.fate:
                case "masked":
                    self._clean(collection, row, masks, masks.whole())
                case "retained":
                    if not duty(collection, row, self._today) and collection.ext.on_erasure != "keep":
                        self._clean(collection, row, masks, masks.explicit())
                case "shared":
                    self._free_of_values(collection, row, masks.identifiers())
                case _:
                    self._hit(collection.name, "a row that was to go still stands")

    def _masked(self, collection: Collection, found: Sequence[Found], rows: Mapping[str, Row]) -> None:
        masks = self._masks(collection)
        for one in found:
            if one.fate == "shared":
                self._free_of_values(collection, rows[one.key], masks.identifiers())
            else:
                self._clean(collection, rows[one.key], masks, masks.whole())

    def _clean(self, collection: Collection, row: Row, masks: Masks, masked: Mapping[str, Mask]) -> None:
        """Hit if a masked field says anything that its mask would not say."""
        for name in masked:
            if masks.says(name, row):
                self._hit(collection.name, f"{collection.name}.{name} is not masked")
            elif matching.names_subject(row[name], self._subject):
                self._hit(collection.name, f"the value stands in {collection.name}.{name}")

    def _free_of_values(self, collection: Collection, row: Row, fields: Mapping[str, Mask]) -> None:
        for name in fields:
            if matching.names_subject(row[name], self._subject):
                self._hit(collection.name, f"the value stands in {collection.name}.{name}")

    def _redacted(self, collection: Collection, found: Sequence[Found], rows: Mapping[str, Row]) -> None:
        for one in found:
            self._free_of_values(collection, rows[one.key], self._masks(collection).free_text())

    def _alone(self, collection: Collection, found: Sequence[Found]) -> list[Found]:
        """Return the notes of rows that are this person's only: the others were to be left as they were."""
        shared = self._fates.theirs_too(collection, found)
        return [one for one in found if one.key not in shared]

    def _rectified(self, collection: Collection, found: Sequence[Found], rows: Mapping[str, Row]) -> None:
        wanted = Wanted(collection, self._database.table(collection.name), self._work)
        for one in self._alone(collection, found):
            for field in wanted.changes(rows[one.key]):
                self._hit(collection.name, f"{collection.name}.{field} does not hold the new value")

    def _restricted(self, collection: Collection, found: Sequence[Found], rows: Mapping[str, Row]) -> None:
        marks = collection.ext.restrict
        for one in self._alone(collection, found) if marks else ():
            if any(plain(rows[one.key][mark]) != value for mark, value in marks.items()):
                self._hit(collection.name, f"a row is not marked as restricted ({', '.join(marks)})")

    def _lifted(self, collection: Collection, found: Sequence[Found], rows: Mapping[str, Row]) -> None:
        for one in found:
            before = formerly(one)
            if one.fate.startswith((RESTRICTED, LIFTED)) and before != {
                mark: plain(rows[one.key][mark]) for mark in before
            }:
                self._hit(collection.name, "a row's restriction was not lifted")

    def _look_for_files(self) -> None:
        for place, found in self._notes.files.items():
            for one in found if self._files else ():
                if one.fate not in KNOWN_TO_STAY and self._files and self._files.stands(place, one.key):
                    self._hit(place, "a file that was to go still stands")

    def _by_identity(self) -> None:
        """Ask once more by the identities that decide: a row may have come back under another key."""
        for place in Search(self._database, self._graph, self._work, None).sure_roots():
            if place not in self._notes.fates:
                self._hit(place[0], "a row with the person's identifiers stands")

    def _scan(self) -> None:
        for collection, column in Scan(self._database, self._graph, self._work).hits():
            self._hit(collection, f"the value stands in {collection}.{column}")
