"""Whether a storage answers, may be changed, and has an owner for each object; nothing is changed, no path shown."""

from collections.abc import Iterator
from itertools import islice

from shared.ports import Finding
from workers.connectors.objects.judge import Judge
from workers.connectors.objects.owners import Rule, Scan
from workers.connectors.objects.store import Store

_LOOKED_AT = 200  # objects


def check(store: Store, rule: Rule, judge: Judge) -> Iterator[Finding]:
    """Yield what does not fit, and what to do; `judge` reads for nobody in particular."""
    ownerless = [not owners for _, owners in islice(_owned(store, rule, judge), _LOOKED_AT)]
    may_change = store.may_change()
    if may_change is None:
        what = "whether objects may be changed and deleted is only told by doing it"
        yield Finding("note", "storage", what, "see that the credentials may put and delete objects")
    elif not may_change:
        yield Finding("error", "storage", "objects may not be changed", "give the worker's user the rights")
    places = islice((one for folder in store.folders() for found in folder.values() for one in found), _LOOKED_AT)
    if links := sum(one.link == "out" for one in places):
        what = "lead out of the storage or nowhere, and are not followed: each ticket ends with a residual"
        yield Finding("drift", f"{links} symbolic links", what, "mount there what they lead to, or name it as a system")
    without = list(islice(judge.rows_without_object(), _LOOKED_AT))
    if missing := sum(without):
        what = "name an object that is not there as written; nobody's erasure can find what they mean"
        todo = "correct their paths (below the storage's `url`), or delete the rows"
        yield Finding("drift", f"{missing} of {len(without)} rows of the index", what, todo)
    if lost := sum(ownerless):
        what = "have no owner by the rule under `owner`; only their path or text tells whose they are"
        yield Finding("drift", f"{lost} of {len(ownerless)} objects", what, "correct the rule, or give them owners")


def _owned(store: Store, rule: Rule, judge: Judge) -> Iterator[tuple[object, tuple[object, ...]]]:
    """Yield objects with their owners; in a scanned storage nobody says, and that is the rule."""
    if not isinstance(rule, Scan):
        yield from judge.owned()
    elif folder := next(store.folders(), {}):
        yield from ((places, (rule,)) for places in folder.values())
