"""`{name}` in a call's path, query and body: filled in with an identifier, an id, a parameter of the inventory."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from shared.domain.errors import Final
from shared.domain.identifier import EMAIL, PHONE, Identifier

_NAME = re.compile(r"\{([A-Za-z_][\w.]*)\}")
_TAIL = 6  # however the beginning of a number is written, its last digits stand there
SOUGHT = ("value", "local", "domain", "digits", "tail")

Values = Mapping[str, Any]


def sought(one: Identifier) -> dict[str, str]:
    """Return what a search may ask for: the value, an address's parts, a number's digits and its last six."""
    local, _, domain = one.value.rpartition("@")
    number = one.value.partition(";")[0] if one.kind == PHONE else ""
    digits = number.lstrip("+")
    parts = (one.value, local, domain) if one.kind == EMAIL else (one.value, "", "")
    return dict(zip(SOUGHT, (*parts, digits, digits[-_TAIL:]), strict=True))


def names(content: Any) -> Iterator[str]:
    """Yield the names that a template uses."""
    if isinstance(content, str):
        yield from _NAME.findall(content)
    elif isinstance(content, Mapping):
        for one in content.values():
            yield from names(one)
    elif isinstance(content, list | tuple):
        for one in content:
            yield from names(one)


def fill(content: Any, values: Values) -> Any:
    """Fill in a body; a string that is one name alone becomes the value itself, a number or an object too."""
    if isinstance(content, str):
        if whole := _NAME.fullmatch(content):
            return values[whole[1]]
        return _NAME.sub(lambda match: str(values[match[1]]), content)
    if isinstance(content, Mapping):
        return {key: fill(one, values) for key, one in content.items()}
    return [fill(one, values) for one in content] if isinstance(content, list | tuple) else content


def fill_path(path: str, values: Values) -> str:
    """Fill in a path; what an id holds can never lead elsewhere."""

    def escaped(match: re.Match[str]) -> str:
        value = str(values[match[1]])
        try:
            quoted = quote(value, safe="")
        except UnicodeEncodeError:  # half a pair, which JSON can hold
            quoted = ""
        if not quoted.strip("."):
            raise Final("an id cannot stand in a path")
        return quoted

    return _NAME.sub(escaped, path)
