"""Recordings that have to stay for others: the person's seconds are silence, and nothing else has changed."""

import io
import json
import wave

import pytest
from pydantic import ValidationError

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from shared.testing import Desk
from tests.shared.test_audio import wav
from tests.workers.connectors.objects_store import ADA, PHONE_NUMBER, Disk, subject
from workers.connectors.objects import ObjectsSettings

TWO = "calls/+4930555555-+4930123456-20260105-1.2.wav"
MINE = "calls/201-+4930123456-20260105-1.3.wav"
OWNER = {"path": "calls/{phone_number:dst}-{phone_number:src}-{date}-{_id}.wav"}
KEYS = {"shared_objects": "silence", "transcript": ".json"}
SOUND = wav(b"\x01\x02" * 8000 * 6)
TRANSCRIPT = {
    "text": "Hello, Ada Example here. And this is Bob. Write to ada@example.org. Fine.",
    "segments": [
        {
            "start": 0.5,
            "end": 1.25,
            "text": "Hello, Ada Example here.",
            "words": [{"word": "Ada", "start": 0.6, "end": 1}],
        },
        {"start": 1.25, "end": 2.5, "text": "And this is Bob.", "words": [{"word": "Bob", "start": 2, "end": 2.5}]},
        {"start": 2.5, "end": 4, "text": "Write to ada@example.org."},
        {"start": 4, "end": 5, "text": "Fine.", "speaker": "+49 30 123456"},
        {"start": 5, "end": 6, "text": "Adar Examples, no.", "speaker": "Bob"},
    ],
}


@pytest.fixture
def disk(tmp_path):
    """A folder."""
    return Disk("docs", tmp_path)


def heard(raw):
    """Return where a recording is not silent, in quarters of a second, as another reader sees it."""
    with wave.open(io.BytesIO(raw)) as sound:
        frames = sound.readframes(sound.getnframes())
    parts = [frames[place : place + 4000] for place in range(0, len(frames), 4000)]
    assert all(part in (bytes(4000), b"\x01\x02" * 2000) for part in parts)
    return "".join("x" if any(part) else "." for part in parts)


def test_the_persons_segments_are_silenced(disk):
    """By the client's rule a transcript says when: the person named, or speaking; Bob is heard, and can be read."""
    disk.put(TWO, SOUND)
    disk.put(TWO.replace(".wav", ".json"), TRANSCRIPT)
    desk = Desk(subject())
    assert {"calls": {"found": 2}} == disk.run(desk, "locate", OWNER, keys=KEYS).counts
    for _ in range(2):
        outcome = disk.run(desk, "delete", OWNER, keys=KEYS)
        assert {"calls": {"masked": 1, "redacted": 1, "residual": 1}} == outcome.counts
        said = [one.ground for one in outcome.reasons if one.outcome == "masked"]
        assert ["silenced 0.5-1.25 s, 2.5-4 s, 4-5 s"] == said
        assert "xx...xxxxx..........xxxx" == heard(disk.all()[TWO])
    after = json.loads(disk.all()[TWO.replace(".wav", ".json")])
    assert "[redacted] And this is Bob. [redacted] [redacted] Adar Examples, no." == after["text"]
    assert TRANSCRIPT["segments"][1::3] == after["segments"][1::3]
    assert [{"start", "end", "text"}] * 3 == [set(after["segments"][n]) for n in (0, 2, 3)]
    assert 0 == disk.run(desk, "absent", OWNER, keys=KEYS, act="delete").total("hit")


@pytest.mark.parametrize("what", [SOUND, SOUND + b"\0"])
def test_a_recording_that_sounds_again_is_a_hit(disk, what):
    """Whoever puts the sound back is caught."""
    disk.put(TWO, SOUND)
    disk.put(f"{TWO}.json", TRANSCRIPT)
    desk = Desk(subject())
    disk.run(desk, "locate", OWNER, keys=KEYS)
    disk.run(desk, "delete", OWNER, keys=KEYS)
    disk.put(TWO, what)
    assert {"calls": {"hit": 1}} == disk.run(desk, "absent", OWNER, keys=KEYS, act="delete").counts


@pytest.mark.parametrize("transcript", [None, {"segments": []}, {"segments": [{"start": 0, "end": 1, "text": "Bob"}]}])
def test_without_times_it_is_retained(disk, transcript):
    """Where nobody says when the person speaks, the recording stays as it is, with the reason."""
    disk.put(TWO, SOUND)
    if transcript:
        disk.put(f"{TWO}.json", transcript)
    before, desk = disk.all(), Desk(subject())
    disk.run(desk, "locate", OWNER, keys=KEYS)
    outcome = disk.run(desk, "delete", OWNER, keys=KEYS)
    assert {"retained"} == set(outcome.counts["calls"])
    assert "no transcript says when" in outcome.reasons[0].ground
    assert before == disk.all()
    assert 0 == disk.run(desk, "absent", OWNER, keys=KEYS, act="delete").total("hit")


def test_a_recording_of_the_person_alone_goes_with_its_transcript(disk):
    """Silence is for what is another's too."""
    disk.put(MINE, SOUND)
    disk.put(f"{MINE}.json", TRANSCRIPT)
    desk = Desk(subject())
    disk.run(desk, "locate", OWNER, keys=KEYS)
    assert {"calls": {"erased": 2}} == disk.run(desk, "delete", OWNER, keys=KEYS).counts
    assert {} == disk.all()


def test_a_transcript_that_was_left_alone_is_found(disk):
    """A delete that died between the two is finished by the next."""
    disk.put(f"{MINE}.json", TRANSCRIPT)
    desk = Desk(subject())
    assert {"calls": {"found": 1}} == disk.run(desk, "locate", OWNER, keys=KEYS).counts
    disk.run(desk, "delete", OWNER, keys=KEYS)
    assert {} == disk.all()


@pytest.mark.parametrize("verb", ["delete", "silence"])
def test_the_ticket_says_when(disk, verb):
    """Times from the ticket silence just those, and the recording stays, whoever else is in it."""
    disk.put(MINE, SOUND)
    spans = [{"file": MINE, "from": 1.5, "to": 2.0}, {"file": MINE, "from": 0, "to": 0.25}]
    desk = Desk(subject())
    disk.run(desk, "locate", OWNER)
    for _ in range(2):
        outcome = disk.run(desk, verb, OWNER, silence=spans)
        assert {"calls": {"masked": 1, "residual": 1}} == outcome.counts
        assert "silenced 0-0.25 s, 1.5-2 s" in {one.ground for one in outcome.reasons}
        assert ".xxxxx..xxxxxxxxxxxxxxxx" == heard(disk.all()[MINE])
    assert 0 == disk.run(desk, "absent", OWNER, act="delete", silence=spans).total("hit")


@pytest.mark.parametrize(
    ("content", "spans", "why"),
    [
        (b"RIFF", [(0, 1)], "no WAV, or breaks off"),
        (SOUND, [(0, 1), (6, 7)], "outside of the recording"),
        (wav(b"\1\2", kind="pcm16").replace(b"WAVEfmt \x10\0\0\0\1\0", b"WAVEfmt \x10\0\0\0\x31\0"), [(0, 1)], "GSM"),
    ],
)
def test_what_cannot_be_silenced_fails_and_is_not_deleted(disk, content, spans, why):
    """It is another's too: it stays as it was, the reason says why, and the second look asks a person."""
    disk.put(MINE, content)
    asked = [{"file": MINE, "from": start, "to": end} for start, end in spans]
    desk = Desk(subject())
    disk.run(desk, "locate", OWNER)
    outcome = disk.run(desk, "delete", OWNER, silence=asked)
    assert {"calls": {"failed": 1}} == outcome.counts
    assert why in outcome.reasons[0].ground
    assert {MINE: content} == disk.all()
    assert 1 == disk.run(desk, "absent", OWNER, act="delete", silence=asked).total("hit")


def test_a_file_that_was_not_found_is_told(disk):
    """Times for another's recording, or for none, are a failure that names no file; the rest is done."""
    disk.put(MINE, SOUND)
    disk.put("calls/201-+4930555555-20260105-1.4.wav", SOUND)
    desk = Desk(subject())
    disk.run(desk, "locate", OWNER)
    spans = [{"file": "calls/201-+4930555555-20260105-1.4.wav", "from": 0, "to": 1}]
    outcome = disk.run(desk, "delete", OWNER, silence=spans)
    assert {"calls": {"erased": 1}, "objects": {"failed": 1}} == outcome.counts
    assert {"calls/201-+4930555555-20260105-1.4.wav": SOUND} == disk.all()
    assert not any("30555555" in one.ground for one in outcome.reasons)


def test_what_another_said_of_the_person_is_found_under_any_spelling(disk):
    """A number is the person's however the recogniser writes it."""
    disk.put(TWO, SOUND)
    segments = [{"start": 1, "end": 2, "text": "the number is 030 / 12 34 56"}, {"start": 2, "end": 3, "text": "no"}]
    disk.put(f"{TWO}.json", {"segments": segments})
    ada = Subject(frozenset({Identifier(EMAIL, ADA), Identifier(PHONE, PHONE_NUMBER)}), region="DE")
    desk = Desk(ada)
    disk.run(desk, "locate", OWNER, keys=KEYS)
    disk.run(desk, "delete", OWNER, keys=KEYS)
    assert "xxxx....xxxxxxxxxxxxxxxx" == heard(disk.all()[TWO])


@pytest.mark.parametrize(
    ("owner", "beside", "left"),
    [
        (
            {"sidecar": ".owner.json", "field": "email"},
            ("call.wav.owner.json", {"email": [ADA, "bob@example.org"]}),
            b'{"email": ["[redacted]", "bob@example.org"]}',
        ),
        (
            {"index": "index.csv", "path": "file", "email": "mail"},
            ("index.csv", b"file,mail\ncall.wav,ada@example.org\ncall.wav,bob@example.org\n"),
            b"file,mail\ncall.wav,bob@example.org\n",
        ),
    ],
)
def test_what_says_whose_it_was_forgets_the_person(disk, owner, beside, left):
    """A recording without the person's words is the other's alone, and so says its sidecar or its index."""
    keys = KEYS | {"transcript": ".json"}
    disk.put("call.wav", SOUND)
    disk.put("call.wav.json", TRANSCRIPT)
    disk.put(*beside)
    desk = Desk(subject())
    disk.run(desk, "locate", owner, keys=keys)
    for _ in range(2):
        disk.run(desk, "delete", owner, keys=keys)
        assert left == disk.all()[beside[0]]
        assert "xx...xxxxx..........xxxx" == heard(disk.all()["call.wav"])
    assert 0 == disk.run(desk, "absent", owner, keys=keys, act="delete").total("hit")
    assert set() == disk.present()


def test_sidecars_and_transcripts_are_told_apart():
    """One suffix for both would make owners of what was said."""
    with pytest.raises(ValidationError, match="different suffixes"):
        ObjectsSettings(url="docs", owner={"sidecar": ".json", "field": "email"}, transcript=".json")
