"""Paths into documents: `email.from[]`, `"a.b".name`; `[]` says, for the reader, that a list stands there."""

import re

from shared.domain.errors import UsageError

_STEP = re.compile(r'(?:"([^"]+)"|([^."\[\]]+))(?:\[\])*(?:\.|$)')


def steps_of(path: str) -> tuple[str, ...]:
    """Return the keys of a path, outermost first. Lists on the way are walked by themselves, `[]` or not."""
    steps, at = [], 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or (found.end() == len(path) and path.endswith(".")):
            break
        steps.append(found[1] or found[2])
        at = found.end()
    if at < len(path) or not steps:
        raise UsageError(f"{path} is not a path, such as email.from[]")
    return tuple(steps)


def named(steps: tuple[str, ...]) -> str:
    """Return a path in the one form in which paths are compared: without `[]`, quoted where it must be."""
    return ".".join(f'"{step}"' if re.search(r'[."\[\]]', step) else step for step in steps)
