"""The Link header, read as RFC 8288 has it: several relation types in one `rel`, names in any case, quoted values.

httpx reads it too, but keeps `rel` as one word and its name as written, so that `rel="next prev"` leads nowhere.
"""

import re

_TOKEN = r"[\w!#$%&'*+\-.^`|~]+"  # noqa: S105 - RFC 9110 5.6.2, no secret
_VALUE = r'"(?:[^"\\]|\\.)*"|[^;,"]*'  # some leave the quotes of a title away
_PARAMETER = re.compile(rf"\s*;\s*(?:({_TOKEN})\s*(?:=\s*({_VALUE}))?)?")
_TARGET = re.compile(r"[\s,]*<([^>]*)>")


def targets(header: str) -> dict[str, str]:
    """Return the first target of each relation type of this document; ValueError if it is no Link header."""
    found: dict[str, str] = {}
    at = 0
    while header[at:].strip(" \t,"):
        if not (target := _TARGET.match(header, at)):
            raise ValueError("not a Link header")
        at, parameters = _parameters(header, target.end())
        if "anchor" not in parameters:  # that one is about another document (3.2)
            for relation in parameters.get("rel", "").split():
                found.setdefault(relation.lower(), target[1])
    return found


def _parameters(header: str, at: int) -> tuple[int, dict[str, str]]:
    """Return where a link's parameters end, and what they say; of two of one name the first counts (3.3)."""
    found: dict[str, str] = {}
    while match := _PARAMETER.match(header, at):
        at = match.end()
        value = (match[2] or "").strip()
        value = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        found.setdefault((match[1] or "").lower(), value)
    if header[at:].strip(" \t") and not header[at:].lstrip(" \t").startswith(","):
        raise ValueError("not a Link header")
    return at, found
