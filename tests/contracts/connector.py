"""What every connector keeps, said once: subclass `ConnectorContract` and give it a `world` fixture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from shared.domain.identifier import Subject
from shared.domain.outcome import Outcome
from shared.ports import Checks, verbs_of
from shared.testing import Desk


@dataclass
class World:
    """A real store with Ada and other people in it; read back without the connector.

    `make` returns a fresh connector. `present` says where Ada's values stand, `others` returns a snapshot of all
    that is not hers. `lie` puts one record of hers back after a delete, as a system that lies would have left it
    (an orphan too, where the store can have one). `changes` are what a rectification writes, `rectified` says
    whether it stands. `restricted` says whether Ada's records are marked or moved.
    """

    make: Callable[[], Any]
    ada: Subject
    present: Callable[[], set[str]]
    others: Callable[[], Any]
    lie: Callable[[], None]
    records: int
    changes: Mapping[str, str] = field(default_factory=dict)
    rectified: Callable[[], bool] = lambda: False
    restricted: Callable[[], bool] = lambda: False
    nobody: Subject = field(default_factory=Subject)


class ConnectorContract:
    """The contract. `lacks` names the verbs that this kind does not have, so that none is missed in silence."""

    lacks: ClassVar[frozenset[str]] = frozenset()

    @pytest.fixture
    def world(self) -> World:
        """Override: a store on a real server or disk."""
        raise NotImplementedError

    def run(self, world: World, desk: Desk, verb: str, **args: Any) -> Outcome:
        """Run one verb on a fresh connector."""
        connector = world.make()
        try:
            return getattr(connector, verb)(desk.work(**args))
        finally:
            connector.close()

    def has(self, world: World, verb: str) -> bool:
        """Say whether the kind has a verb, as `lacks` declares it."""
        connector = world.make()
        connector.close()
        present = verb in verbs_of(connector)
        assert present == (verb not in self.lacks)
        return present

    def test_locate_finds_the_person(self, world):
        """Locate writes down all of the person's records, and nobody else's."""
        desk = Desk(world.ada)
        before = world.others()
        outcome = self.run(world, desk, "locate")
        found = [one for one in desk.found() if one.how != "mention"]
        assert world.records == len(found)
        assert world.records == outcome.total("found")
        assert before == world.others()

    def test_locate_is_repeatable(self, world):
        """Locate twice writes down the same records."""
        first, second = Desk(world.ada), Desk(world.ada)
        self.run(world, first, "locate")
        self.run(world, second, "locate")
        assert [one.place for one in first.found()] == [one.place for one in second.found()]

    def test_nobody_is_found_for_a_stranger(self, world):
        """Someone who was never known has no records, and every verb on nothing does nothing."""
        desk = Desk(world.nobody)
        before = (world.others(), world.present())
        self.run(world, desk, "locate")
        assert [] == desk.found()
        for verb in ("export", "delete", "mask", "restrict", "lift", "absent"):
            if self.has(world, verb):
                self.run(world, desk, verb, act="delete")
        assert before == (world.others(), world.present())

    def test_export_writes_a_package(self, world):
        """Export writes data or files and changes nothing."""
        desk = Desk(world.ada)
        before = (world.others(), world.present())
        self.run(world, desk, "locate")
        outcome = self.run(world, desk, "export")
        assert desk.package.tables or desk.package.files
        assert outcome.total("exported") > 0
        assert before == (world.others(), world.present())

    def test_delete_takes_the_person_and_nobody_else(self, world):
        """After delete none of the person's values stands, and everyone else's data is as before."""
        desk = Desk(world.ada)
        before = world.others()
        assert world.present()
        self.run(world, desk, "locate")
        outcome = self.run(world, desk, "delete")
        assert outcome.total("erased") > 0
        assert set() == world.present()
        assert before == world.others()

    def test_delete_is_idempotent(self, world):
        """Deleting again is success and changes nothing."""
        desk = Desk(world.ada)
        self.run(world, desk, "locate")
        self.run(world, desk, "delete")
        before = world.others()
        self.run(world, desk, "delete")
        assert set() == world.present()
        assert before == world.others()

    def test_the_second_look_agrees_after_a_delete(self, world):
        """After an honest delete the second look finds nothing."""
        desk = Desk(world.ada)
        self.run(world, desk, "locate")
        self.run(world, desk, "delete")
        assert 0 == self.run(world, desk, "absent", act="delete").total("hit")

    def test_the_second_look_sees_what_was_never_deleted(self, world):
        """Without a delete the second look finds the person."""
        desk = Desk(world.ada)
        self.run(world, desk, "locate")
        assert self.run(world, desk, "absent", act="delete").total("hit") > 0

    def test_the_second_look_catches_a_lie(self, world):
        """A system that reported done but left one record is caught."""
        desk = Desk(world.ada)
        self.run(world, desk, "locate")
        self.run(world, desk, "delete")
        world.lie()
        outcome = self.run(world, desk, "absent", act="delete")
        assert outcome.total("hit") > 0
        assert outcome.reasons

    def test_restrict_and_lift(self, world):
        """Restriction marks or moves the person's records, the second look agrees, lifting brings them back."""
        if not self.has(world, "restrict"):
            assert not self.has(world, "lift")
            return
        desk = Desk(world.ada)
        before = (world.others(), world.present())
        self.run(world, desk, "locate")
        assert not world.restricted()
        assert self.run(world, desk, "absent", act="restrict").total("hit") > 0
        for _ in range(2):
            self.run(world, desk, "restrict")
            assert world.restricted()
        assert 0 == self.run(world, desk, "absent", act="restrict").total("hit")
        assert before[0] == world.others()
        for _ in range(2):
            self.run(world, desk, "lift")
            assert not world.restricted()
        assert 0 == self.run(world, desk, "absent", act="lift").total("hit")
        assert before == (world.others(), world.present())

    def test_rectify_writes_the_new_value(self, world):
        """Rectification writes the new values, however often it runs, and the second look agrees."""
        if not self.has(world, "rectify") or not world.changes:
            return
        desk = Desk(world.ada)
        before = world.others()
        self.run(world, desk, "locate")
        assert self.run(world, desk, "absent", act="rectify", changes=world.changes).total("hit") > 0
        for _ in range(2):
            outcome = self.run(world, desk, "rectify", changes=world.changes | {"user.genetic": "none has it"})
            assert world.rectified()
            assert set(world.changes) == {one.ground for one in outcome.reasons if one.outcome == "rectified"}
            assert outcome.total("rectified")
        assert 0 == self.run(world, desk, "absent", act="rectify", changes=world.changes).total("hit")
        assert before == world.others()

    def test_mask_hides_the_person(self, world):
        """Masking leaves none of the person's values standing in the clear, and others as they were."""
        if not self.has(world, "mask"):
            return
        desk = Desk(world.ada)
        before = world.others()
        self.run(world, desk, "locate")
        for _ in range(2):
            self.run(world, desk, "mask")
            assert set() == world.present()
        assert 0 == self.run(world, desk, "absent", act="mask").total("hit")
        assert before == world.others()

    def test_subjects_streams_the_people(self, world):
        """The people of a window include the person, each with an identifier."""
        if not self.has(world, "subjects"):
            return
        connector = world.make()
        people = list(connector.subjects(Desk(world.ada).work(**{"from": None, "to": None})))
        connector.close()
        assert world.ada.given & frozenset().union(*(one.identifiers for one in people))
        assert all(one.identifiers for one in people)

    def test_check_of_what_is_well(self, world):
        """A check, where the kind has one, finds no error in a store that works, and changes nothing."""
        before = (world.others(), world.present())
        connector = world.make()
        findings = list(connector.check()) if isinstance(connector, Checks) else []
        connector.close()
        assert [] == [one for one in findings if one.severity == "error"]
        assert before == (world.others(), world.present())
