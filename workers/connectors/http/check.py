"""`check`: every search, list and read is tried; what looks personal in the answers is to be in the definition.

Nothing is changed and no value is shown: searches are for an identifier that nobody has.
"""

import re
from collections.abc import Iterator
from itertools import islice

from shared import freetext
from shared.domain.identifier import EMAIL, PHONE, Identifier
from shared.ports import Finding
from workers.connectors.http.definition import Resource
from workers.connectors.http.paths import leaves, steps
from workers.connectors.http.records import Record, Records

_NOBODY = {EMAIL: "nobody-asks-for-this@example.invalid", PHONE: "+4930000000000"}
_SAMPLE = 50  # records of each list
_KEY = re.compile(r"[A-Za-z]\w{0,40}")  # others may be values: an object by address
_LACKING = {"delete": "erased", "patch": "rectified"}


def check(records: Records) -> Iterator[Finding]:
    """Yield what the definition lacks; a call that fails is raised as in any verb."""
    for name, resource in records.definition.resources.items():
        for kind in {one.by for one in resource.find if one.by}:
            list(records.search(name, [Identifier(kind, _NOBODY.get(kind, "nobody-asks-for-this"))]))
        for kind in sorted(resource.unsearched):
            what = f"records bear a {kind}, and no call finds them by it: who is known by that alone is not found"
            yield Finding("note", f"{name}.find", what, "add a call where the API has one; tickets say it as residual")
        sample = list(islice(records.everyone(name), _SAMPLE))
        if sample and resource.read and records.read(name, sample[0].ids) is None:
            yield Finding("error", f"{name}.read", "does not find what `list` gives", "correct its path")
        yield from _unmapped(name, resource, sample)
    for verb, done in _LACKING.items():
        if not any(getattr(one, verb) for one in records.definition.resources.values()):
            what = f"no resource has `{verb}`: nothing can be {done} here"
            yield Finding("note", "definition", what, "steps that need it will ask a person")


def _unmapped(name: str, resource: Resource, sample: list[Record]) -> Iterator[Finding]:
    """Yield the keys of records that hold addresses or numbers and that no field of the definition names."""
    known = {steps(path)[0] for path in (*resource.fields, *resource.others)}
    found = {
        key
        for record in sample
        for key, value in record.body.items()
        if key not in known and _KEY.fullmatch(key) and any(freetext.find(text) for text in leaves(value))
    }
    for key in sorted(found):
        yield Finding("drift", f"{name}.{key}", "looks personal and is not in the definition", "add it to `fields`")
