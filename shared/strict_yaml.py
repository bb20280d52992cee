"""YAML in which no key stands twice: the loader would take the last one, and say nothing."""

from typing import Any

import yaml

from shared.domain.errors import UsageError

# the safe loader written in C, several times as fast, where libyaml is there
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST = 100_000  # values; thirteen lines of aliases can stand for more than anybody can walk through


class _Loader(_SAFE):  # type: ignore[misc] # one of two classes
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """Build a mapping whose written keys differ; what is merged in (`<<`) may be written anew."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise UsageError(f"line {key.start_mark.line + 1}: the key {key.value} stands twice; keep one")
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read(text: str) -> Any:
    """Read a YAML text; a UsageError names a key that stands twice, and its line, or says what is too much."""
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe one, see there
        size = _size(found, {})
    except RecursionError:  # an alias that contains itself, too
        raise UsageError("nested too deep") from None
    if size > _MOST:
        raise UsageError(f"its aliases stand for more than {_MOST} values; write fewer")
    return found


def _size(value: Any, known: dict[int, int]) -> int:
    """Return how many values a value holds with every alias written out, looking at each once."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(one, known) for one in parts)
    return known[id(value)]
