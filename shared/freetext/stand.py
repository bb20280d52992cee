"""Where the identifiers of one person stand in a text, however they are spelt there."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from shared.domain.identifier import EMAIL, PHONE, Subject, one_domain
from shared.freetext.plain import plain

_AT = re.compile("@|%40")
_LOCAL_BACKWARDS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,128}")
_DOMAIN = re.compile(r"[\w\u0300-\u036f-]+(?:\.[\w\u0300-\u036f-]+)+")  # with marks that stand apart from their letter
_NOT_YET = re.compile(r"^[.'_*-]+|[=/?&!#$*^`{|}~]['.-]*|%[0-9A-Fa-f]{2}")
_GAP = r"[ ().\-/]{0,4}"
_DIGIT = re.compile(r"[0-9]")
_WORD = re.compile(r"\w")
_TAIL = 6
_LONGEST = len("+4915123456789")
_BEFORE = re.compile(r"[0-9+ ().\-/]*")
_GOES_ON = re.compile(r"[-/ .]?([0-9]{1,4})(?![0-9])")


def stands_in(text: str, subject: Subject) -> list[tuple[int, int]]:
    """Return where any of the subject's identifiers stands as a whole token, sorted and without overlap.

    E-mail in any case, phone numbers however written in the subject's region, other ids to the letter.
    """
    ids, emails, numbers = _sought(subject)
    others = [one for one in ids if one in text]
    spans = [match.span() for match in _tokens(frozenset(others)).finditer(text)] if others else []
    readable = plain(text)
    if emails:
        spans += _emails(readable, subject, emails)
    for number in numbers:
        spans += _phones(readable, subject, number)
    return _merged(spans)


@lru_cache(maxsize=256)
def _sought(subject: Subject) -> tuple[tuple[str, ...], frozenset[str], tuple[str, ...]]:
    """Return what is sought for a person: other ids, e-mail addresses, phone numbers."""
    ids = sorted(
        one.value for one in subject.identifiers if one.kind not in {EMAIL, PHONE} and one.value and not one.is_key
    )
    return tuple(ids), subject.of_kind(EMAIL), tuple(sorted(filter(_DIGIT.search, subject.of_kind(PHONE))))


@lru_cache(maxsize=1024)
def _tokens(values: frozenset[str]) -> re.Pattern[str]:
    either = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
    return re.compile(rf"(?:(?<!\w)|(?<=\\[nrt]))(?:{either})(?!\w)")


def _emails(text: str, subject: Subject, wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    domains = {one.rpartition("@")[2] for one in wanted}
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        if domain is None or one_domain(name := domain.group().rstrip("_-")) not in domains:
            continue
        local = _LOCAL_BACKWARDS.match(text[max(at.start() - 128, 0) : at.start()][::-1])
        written = local.group()[::-1] if local else ""
        for skip in (0, *(found.end() for found in _NOT_YET.finditer(written))):
            one = subject.normalise(EMAIL, f"{written[skip:]}@{name}")
            if one and one.value in wanted:
                yield at.start() - len(written) + skip, at.end() + len(name)
                break


@lru_cache(maxsize=1024)
def _tail(number: str) -> re.Pattern[str]:
    return re.compile(_GAP.join(re.sub(r"\D", "", number)[-_TAIL:]) + r"(?!\w|[-/][0-9])")


def _phones(text: str, subject: Subject, number: str) -> Iterator[tuple[int, int]]:
    """Find the last digits, then read backwards: every spelling of a number ends alike.

    What begins with + or 00 begins nowhere else, unless it is so long that it must be two numbers.
    """
    for tail in _tail(number).finditer(text):
        if _goes_on(text, tail.end()):
            continue
        before = _BEFORE.match(text[max(tail.start() - 40, 0) : tail.start()][::-1])
        first = tail.start() - len(before.group() if before else "")
        for start in _starts(text, first, tail.start()):
            if text[start] == "(" and text.count("(", start, tail.end()) > text.count(")", start, tail.end()):
                continue
            one = subject.normalise(PHONE, text[start : tail.end()])
            if one and one.value == number:
                yield start, tail.end()
                break
            if one and text.startswith(("+", "00"), start) and len(one.value) <= _LONGEST:
                break


def _starts(text: str, first: int, last: int) -> Iterator[int]:
    """Yield where the number may begin, the earliest first."""
    for start in range(first, last + 1):
        if text[start] == "+" or (text[start] in "(0123456789" and not _WORD.match(text, max(start - 1, 0), start)):
            yield start


def _goes_on(text: str, end: int) -> bool:
    """Say whether another group of as many digits follows: `030 12 34` does not stand in `030 12 34 56`."""
    group = re.search(r"[0-9]+$", text[max(end - 5, 0) : end])
    more = _GOES_ON.match(text, end)
    return bool(group and more and len(group.group()) == len(more[1]))


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
