"""YAML in which no key stands twice: the loader would take the last one, and say nothing."""

from typing import Any

import yaml

from shared.domain.errors import UsageError

# the safe loader written in C, several times as fast, where libyaml is there
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    """Read a YAML text; a UsageError names a key that stands twice, and its line."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe one, see there
