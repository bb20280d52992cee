"""`restrict` moves the person's objects to where nobody uses them, `lift` moves back those that it had moved."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from shared.restriction import LIFTED, RESTRICTED, PutAside
from workers.connectors.objects.erasing import UPLOADS
from workers.connectors.objects.faults import reachable
from workers.connectors.objects.store import Store, Taken

_BATCH = 100
_IN_USE = "the object is another person's too, and stays in use for them"
_TAKEN = "another object lies in its place"
_SHARED = "shared"


def restrict(store: Store, work: Work) -> Outcome:
    """Move what is the person's alone out of use."""
    outcome, aside = Outcome(), PutAside(work)
    for batch in _batches(movable(work.found())):
        ours = [note for note in batch if note.fate != _SHARED]
        with reachable():
            fresh = {note.key for note in ours if note.key in aside or _in_use(store, note)}
        aside.begin(fresh)
        for note in ours:
            if _moved(store, note, outcome, restricted=True) and note.key in fresh:
                work.note(replace(note, fate=RESTRICTED))
        for note in batch:
            if note.fate == _SHARED:
                outcome.count(note.collection, "retained")
                outcome.because(note.collection, "retained", _IN_USE)
    return outcome


def lift(store: Store, work: Work) -> Outcome:
    """Move back what the restriction had moved."""
    outcome = Outcome()
    for note in movable(work.found()):
        if note.fate == RESTRICTED and _moved(store, note, outcome, restricted=False):
            work.note(replace(note, fate=LIFTED))
    return outcome


def contradicted(store: Store, note: Found, *, restricted: bool) -> bool:
    """Say whether an object stands where the act should not have left it."""
    meant = note.fate != _SHARED if restricted else note.fate in {RESTRICTED, LIFTED}
    return meant and any(place.restricted != restricted for place in store.places(note.key))


def movable(notes: Iterable[Found]) -> Iterator[Found]:
    """Yield the notes of objects; mentions, rows and unfinished uploads lie nowhere else."""
    return (note for note in notes if note.how not in {"mention", "row"} and note.collection != UPLOADS)


def _in_use(store: Store, note: Found) -> bool:
    return not all(place.restricted for place in store.places(note.key))


def _moved(store: Store, note: Found, outcome: Outcome, *, restricted: bool) -> bool:
    try:
        with reachable():
            there = store.move(note.key, restricted=restricted)
    except Taken:
        outcome.count(note.collection, "failed")
        outcome.because(note.collection, "failed", _TAKEN)
        return False
    outcome.count(note.collection, "restricted" if restricted else "lifted", int(there))
    return there


def _batches(notes: Iterator[Found]) -> Iterator[Sequence[Found]]:
    while batch := list(islice(notes, _BATCH)):
        yield batch
