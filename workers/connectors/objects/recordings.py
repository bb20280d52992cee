"""Recordings of several people: the person's words silenced, as a ticket or a transcript says when they are spoken.

A transcript lies beside its recording, as speech recognisers write it: `segments` with `start`, `end` (seconds) and
`text`, perhaps a `speaker`. A segment is the person's if it names them, or if they speak.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared import freetext
from shared.audio import NotSilenceable, Span, silenced
from shared.domain.identifier import Subject, normalise_name
from shared.masking.redact import REDACTED
from workers.connectors.objects.store import Store

_LONGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Transcript:
    """What lies beside a recording, read."""

    key: str
    document: Any

    def spans(self, subject: Subject) -> list[Span]:
        """Return when the person speaks or is named, or was before it was redacted."""
        theirs = (one for one in self._segments() if one.get("text") == REDACTED or _names(one, subject))
        return [(float(one["start"]), float(one["end"])) for one in theirs]

    def redacted(self, subject: Subject, spans: list[Span]) -> bytes:
        """Return the transcript without what is silenced; the whole text, where it is written twice, is made anew."""
        for one in self._segments():
            if not (_names(one, subject) or any(start < one["end"] and one["start"] < end for start, end in spans)):
                continue
            one["text"] = REDACTED
            one.pop("words", None)
            one.pop("speaker", None)
        if isinstance(self.document, dict) and isinstance(self.document.get("text"), str):
            self.document["text"] = " ".join(str(one.get("text", "")).strip() for one in self._segments())
        return json.dumps(self.document, ensure_ascii=False, indent=1).encode()

    def _segments(self) -> Iterator[dict[str, Any]]:
        listed = self.document.get("segments") if isinstance(self.document, dict) else self.document
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and all(isinstance(one.get(end), int | float) for end in ("start", "end")):
                yield one


def transcript_of(store: Store, key: str, suffix: str | None) -> Transcript | None:
    """Return the transcript beside a recording, if there is one that can be read."""
    for name in beside(key, suffix) if suffix else ():
        for place in store.places(name):
            with store.open(place) as file:
                raw = file.read(_LONGEST)
            try:
                return Transcript(name, json.loads(raw))
            except (ValueError, RecursionError):
                return None
    return None


def beside(key: str, suffix: str) -> tuple[str, str]:
    """Return the keys that the transcript of a recording may have."""
    folder, slash, name = key.rpartition("/")
    return key + suffix, folder + slash + (name.rpartition(".")[0] or name) + suffix


def silence(store: Store, key: str, spans: list[Span]) -> None:
    """Write silence into a recording, in every place where it lies; `NotSilenceable` if that cannot be done."""
    places = store.places(key)
    if not places:
        raise NotSilenceable("the recording is not there any more")
    for place in places:
        with store.open(place) as file:
            store.replace(place, silenced(file, spans))


def said(spans: list[Span]) -> str:
    """Say which spans were silenced: times, never content."""
    return "silenced " + ", ".join(f"{start:g}-{end:g} s" for start, end in sorted(spans))


def spans_by_key(listed: Any) -> dict[str, list[Span]]:
    """Read `details.silence` of a ticket: the spans of each recording."""
    spans: dict[str, list[Span]] = {}
    for one in listed or ():
        spans.setdefault(one["file"].lstrip("/"), []).append((one["from"], one["to"]))
    return spans


def _names(segment: Mapping[str, Any], subject: Subject) -> bool:
    text, speaker = str(segment.get("text", "")), str(segment.get("speaker", ""))
    if any(freetext.stands_in(one, subject) for one in (text, speaker)) or normalise_name(speaker) in subject.names:
        return True
    words = normalise_name(text)
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words) for name in subject.names if name)
