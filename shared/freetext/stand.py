"""Where the identifiers of one person stand in a text, however they are spelt there."""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache

from shared.domain.identifier import EMAIL, PHONE, Subject, one_domain
from shared.signs import readable

_LOCAL_BACKWARDS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,128}")
_DOMAIN = re.compile(r"[\w\u0300-\u036f-]+(?:\.[\w\u0300-\u036f-]+)+")  # with marks that stand apart from their letter
_NOT_YET = re.compile(r"^[.'_*-]+|[=/?&!#$*^`{|}~]['.-]*")
_GAP = r"[ ().\-/]{0,4}"
_LINE_END = r"\r?\n(?:>[> ]{0,9}| {1,8})?"  # a text wrapped at some width, also one that is quoted
_WRAPPED_GAP = rf"(?:[().\-/ ]?{_LINE_END}|{_GAP})"
_DIGIT = re.compile(r"[0-9]")
_WORD = re.compile(r"\w")
_TAIL = 6
_LONGEST = len("+4915123456789")
_BEFORE = re.compile(r"[0-9+ ().\-/]*")
_LINE_BEFORE = re.compile(r"[0-9+ ().\-/]*[> ]*\n\r?([0-9+ ().\-/]+)")
_WRAP = re.compile(r"[\r\n>]+")
_GOES_ON = re.compile(r"[-/ .]?([0-9]{1,4})(?![0-9])")


def stands_in(text: str, subject: Subject) -> list[tuple[int, int]]:
    """Return where any of the subject's identifiers stands as a whole token, sorted and without overlap.

    E-mail in any case, phone numbers however written in the subject's region, other ids to the letter; escapes of
    JSON, URLs and HTML are read, a number may go on in the next line.
    """
    ids, emails, numbers = _sought(subject)
    seen = readable(text)
    spans = [seen.span(*span) for span in _identifiers(seen.text, subject, emails, numbers, ids)]
    return _merged([*spans, *(_others(text, ids) if seen.text != text else ())])


def _identifiers(
    text: str, subject: Subject, emails: frozenset[str], numbers: Iterable[str], ids: Iterable[str]
) -> Iterator[tuple[int, int]]:
    yield from _others(text, ids)
    if emails:
        yield from _emails(text, subject, emails)
    for number in numbers:
        yield from _phones(text, subject, number)


def _others(text: str, ids: Iterable[str]) -> Iterator[tuple[int, int]]:
    if others := [one for one in ids if one in text]:
        yield from (match.span() for match in _tokens(frozenset(others)).finditer(text))


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
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)")


def _emails(text: str, subject: Subject, wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    domains = {one.rpartition("@")[2] for one in wanted}
    at = text.find("@")
    while at >= 0:
        yield from _address(text, at, subject, wanted, domains)
        at = text.find("@", at + 1)


def _address(
    text: str, at: int, subject: Subject, wanted: frozenset[str], domains: AbstractSet[str]
) -> Iterator[tuple[int, int]]:
    domain = _DOMAIN.match(text, at + 1)
    if domain is None or one_domain(name := domain.group().rstrip("_-")) not in domains:
        return
    local = _LOCAL_BACKWARDS.match(text[max(at - 128, 0) : at][::-1])
    written = local.group()[::-1] if local else ""
    for skip in (0, *(found.end() for found in _NOT_YET.finditer(written))):
        one = subject.normalise(EMAIL, f"{written[skip:]}@{name}")
        if one and one.value in wanted:
            yield at - len(written) + skip, at + 1 + len(name)
            return


@lru_cache(maxsize=1024)
def _tail(number: str) -> re.Pattern[str]:
    """Return the pattern of the last digits, and of the extension of a number that has one."""
    base, _, extension = number.partition(";ext=")
    digits = _WRAPPED_GAP.join(re.sub(r"\D", "", base)[-_TAIL:])
    return re.compile(digits + (rf"[^0-9\n]{{1,16}}{extension}" if extension else "") + r"(?!\w|[-/][0-9])")


def _phones(text: str, subject: Subject, number: str) -> Iterator[tuple[int, int]]:
    """Find the last digits, then read backwards: every spelling of a number ends alike."""
    for tail in _tail(number).finditer(text):
        if _goes_on(text, tail.end()):
            continue
        for first, last in _reaches(text, tail):
            if (start := _start(text, first, last, tail.end(), subject, number)) is not None:
                yield start, tail.end()
                break


def _reaches(text: str, tail: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Yield from where to where a number may begin: in its last digits' line, else in the one before."""
    before = text[max(tail.start() - 40, 0) : tail.start()][::-1]
    here = _BEFORE.match(before)
    yield tail.start() - (here.end() if here else 0), tail.start()
    if "\n" not in tail.group() and (line := _LINE_BEFORE.match(before)):
        yield tail.start() - line.end(), tail.start() - line.start(1) - 1


def _start(text: str, first: int, last: int, end: int, subject: Subject, number: str) -> int | None:
    """Return where between `first` and `last` the number begins that ends at `end`, None if it is another.

    What begins with + or 00 begins nowhere else, unless it is so long that it must be two numbers.
    """
    for start in _starts(text, first, last):
        if text[start] == "(" and text.count("(", start, end) > text.count(")", start, end):
            continue
        one = subject.normalise(PHONE, _WRAP.sub(" ", text[start:end]))
        if one and one.value == number:
            return start
        if one and text.startswith(("+", "00"), start) and len(one.value) <= _LONGEST:
            return None
    return None


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
