"""Silence to the sample: what is outside of the spans is as it was, what is inside is silence."""

import io
import math
import struct
import subprocess
import sys
import wave
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audio import NotSilenceable, read, silenced

GUID = bytes.fromhex("000000001000800000aa00389b71")
KINDS = {  # name: (tag, bits, what silence is)
    "pcm8": (1, 8, 0x80), "pcm16": (1, 16, 0), "pcm24": (1, 24, 0), "pcm32": (1, 32, 0), "float": (3, 32, 0),
    "alaw": (6, 8, 0xD5), "mulaw": (7, 8, 0xFF),
}  # fmt: skip


def chunk(name, content):
    """Return a RIFF chunk, padded to even length."""
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def wav(samples, *, kind="pcm16", channels=1, rate=8000, extensible=False, before=(), after=(), size=None):
    """Return a WAV file, written without the code under test."""
    tag, bits, _ = KINDS[kind]
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, rate, rate * frame, frame, bits)
    if extensible:
        fmt += struct.pack("<HHIH", 22, bits, 0, tag) + GUID
    body = chunk(b"fmt ", fmt) + b"".join(before)
    data = chunk(b"data", samples)
    if size is not None:
        data = b"data" + struct.pack("<I", size) + data[8:]
    body += data + b"".join(after)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def quiet(raw, *spans):
    """Return a recording with the spans silenced."""
    return b"".join(silenced(io.BytesIO(raw), spans))


@given(
    kind=st.sampled_from(sorted(KINDS)),
    channels=st.integers(1, 3),
    rate=st.sampled_from([8000, 11025, 16000, 44100]),
    frames=st.integers(1, 400),
    extensible=st.booleans(),
    odd=st.binary(max_size=7),
    data=st.data(),
)
def test_only_the_spans_are_silent(kind, channels, rate, frames, extensible, odd, data):
    """Every frame that sounds in a span is silence; every other byte, and the length, are as they were."""
    width = channels * KINDS[kind][1] // 8
    samples = bytes(1 + n % 97 for n in range(frames * width))  # never a silence value
    around = [chunk(b"LIST", odd)]
    raw = wav(samples, kind=kind, channels=channels, rate=rate, extensible=extensible, before=around, after=around)
    milli = st.integers(0, max(math.ceil(frames * 1000 / rate) - 1, 0))
    spans = [
        (first / 1000, (first + more) / 1000)
        for first, more in data.draw(st.lists(st.tuples(milli, st.integers(1, 50)), max_size=4))
    ]
    inside = {
        frame
        for frame in range(frames)
        for start, end in spans
        if Fraction(frame + 1, rate) > Fraction(str(start)) and Fraction(frame, rate) < Fraction(str(end))
    }
    silence = bytes([KINDS[kind][2]]) * width
    expected = b"".join(silence if n in inside else samples[n * width : (n + 1) * width] for n in range(frames))
    start = raw.index(b"data") + 8
    assert raw[:start] + expected + raw[start + len(samples) :] == quiet(raw, *spans)


def test_a_reader_of_its_own_agrees():
    """Python's own reader sees the samples of just that tenth of a second as zero."""
    raw = wav(b"\x01\x02" * 8000)
    with wave.open(io.BytesIO(quiet(raw, (0.1, 0.2)))) as sound:
        frames = sound.readframes(8000)
    assert b"\x01\x02" * 800 + b"\0\0" * 800 + b"\x01\x02" * 6400 == frames


def test_silencing_again_changes_nothing():
    """Whoever does it twice has done it once."""
    once = quiet(wav(b"\x01\x02" * 800), (0.01, 0.02), (0.05, 0.06))
    assert once == quiet(once, (0.01, 0.02), (0.05, 0.06))


def test_a_file_longer_or_shorter_than_its_header_says():
    """A writer that never came back left the size open, or broke off: what is there is silenced, no byte is added."""
    for raw in (wav(b"\x01" * 800, kind="alaw", size=0xFFFFFFFF), wav(b"\x01" * 800, kind="alaw", size=9000)):
        after = quiet(raw, (0.05, 60))
        assert len(raw) == len(after)
        assert b"\x01" * 400 + b"\xd5" * 400 == after[-800:]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "breaks off"),
        (b"RIFF\0\0\0\0AVI ", "no WAV"),
        (b"ID3\0" + bytes(20), "no WAV"),
        (b"RF64" + wav(b"\0\0")[4:], "RF64"),
        (b"RIFX" + wav(b"\0\0")[4:], "RIFX"),
        (b"RIFF" + bytes(4) + b"WAVE" + chunk(b"data", b"\0\0"), "not told before"),
        (b"RIFF" + bytes(4) + b"WAVE" + chunk(b"fmt ", b"\1\0"), "not told"),
        (b"RIFF" + bytes(4) + b"WAVE" + chunk(b"fmt ", bytes([0x31, 0]) + bytes(14)), "GSM"),
        (b"RIFF" + bytes(4) + b"WAVE" + chunk(b"fmt ", b"\1" + bytes(15)), "no sense"),
        (wav(b"\0\0" * 80)[:30], "breaks off"),
        (wav(b"\1\2" * 80, size=0), "never finished"),
    ],
)
def test_what_cannot_be_silenced_says_why(raw, why):
    """An unknown, compressed or broken recording is refused before a byte is written."""
    with pytest.raises(NotSilenceable, match=why):
        silenced(io.BytesIO(raw), [(0, 1)])


@pytest.mark.parametrize(
    ("kind", "channels", "frame"), [("pcm16", 1, 1), ("pcm16", 2, 2), ("pcm8", 1, 2), ("float", 1, 2), ("alaw", 1, 2)]
)
def test_frames_that_do_not_fit_their_samples_are_refused(kind, channels, frame):
    """A time would be counted into another place, and the words that are to go would stay."""
    raw = bytearray(wav(b"\1\2" * 8000, kind=kind, channels=channels))
    struct.pack_into("<H", raw, 32, frame)
    with pytest.raises(NotSilenceable, match="no sense"):
        silenced(io.BytesIO(raw), [(0.1, 0.2)])


def recording(after, *, size=None):
    """Return a second of sound as the header counts it, and what stands behind it."""
    return wav(b"\1\2" * 8000, size=size, after=[after])


@pytest.mark.parametrize("after", [b"\1\2" * 8000, chunk(b"data", b"\1\2" * 8000), recording(b""), b"\1\2"])
def test_sound_behind_what_the_header_counts_is_not_left_standing(after):
    """A span that reaches there is refused; what the header counts can still be silenced."""
    raw = recording(after, size=16000)
    assert len(raw) == len(quiet(raw, (0.5, 1)))
    for end in (1.001, 2):
        with pytest.raises(NotSilenceable, match="where the recording goes on"):
            silenced(io.BytesIO(raw), [(0.5, end)])


@pytest.mark.parametrize("after", [b"", chunk(b"LIST", b"abc"), chunk(b"LIST", b"ab") + chunk(b"bext", bytes(602))])
def test_a_span_may_end_behind_the_recording(after):
    """Transcripts round up: where nothing is left to hear it ends with the samples."""
    assert b"\1\2" * 4000 + bytes(8000) == quiet(recording(after), (0.5, 1.01))[44:16044]


@pytest.mark.parametrize("span", [(-1, 1), (2, 1), (1, 1), (1, 2), (7, 8)])
def test_a_span_outside_of_the_recording_is_refused(span):
    """A span that silences nothing is a mistake, told before anything is written."""
    with pytest.raises(NotSilenceable, match="outside"):
        silenced(io.BytesIO(wav(b"\1\2" * 8000)), [(0, 0.5), span])


def test_the_length_is_told():
    """Seconds come from the samples, not from the file."""
    assert 0.5 == read(io.BytesIO(wav(bytes(16000), channels=2))).seconds


def test_memory_stays_constant(tmp_path):
    """200 MB of samples pass through a process that may not take half of that."""
    path = tmp_path / "long.wav"
    head = wav(b"", size=200_000_000)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 200_000_000)
    code = (
        "import resource, sys; from shared.audio import silenced\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open(sys.argv[1], 'rb') as f: n = sum(map(len, silenced(f, [(1, 2), (5000, 6000)])))\n"
        "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    size, more = map(int, done.stdout.split())
    assert path.stat().st_size == size
    assert more < 20_000  # kB
