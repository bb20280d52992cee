"""Silence in WAV recordings, exactly to the sample; everything else stays byte for byte.

RIFF/WAVE as in the Multimedia Programming Interface 1.0 (Microsoft, IBM 1991), with the format tags of RFC 2361 and
WAVE_FORMAT_EXTENSIBLE: PCM of 8, 16, 24 and 32 bits, IEEE float, G.711 A-law and mu-law. RF64, RIFX and compressed
formats (GSM 06.10, which Asterisk calls wav49; ADPCM; MP3) cannot be silenced in place and are `NotSilenceable`.
"""

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

_CHUNK = 64 * 1024
_PCM, _FLOAT, _A_LAW, _MU_LAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")  # of every GUID that stands for a format tag
_NAMES = {2: "ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 06.10 (wav49)", 0x50: "MPEG", 0x55: "MP3"}
_SOUND = {b"data", b"RIFF"}  # more samples, or another recording
_OPEN_END = 0xFFFFFFFF  # what a writer leaves that could not come back to fill in the size

Span = tuple[float, float]


class NotSilenceable(Exception):
    """The recording cannot be silenced in place; the text says why and carries nothing of it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Where the samples of a recording stand, and how they are written; sizes and places in bytes.

    `goes_on`: behind what the header counts there stands what may be heard too.
    """

    tag: int
    channels: int
    rate: int
    frame: int
    start: int
    size: int
    goes_on: bool = False

    @property
    def silence(self) -> int:
        """The byte of which silence is made (G.711: the quieter zero; 8-bit PCM has no sign)."""
        if self.tag == _PCM and self.frame == self.channels:
            return 0x80
        return {_A_LAW: 0xD5, _MU_LAW: 0xFF}.get(self.tag, 0)

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return self.size / self.frame / self.rate

    def places(self, spans: Iterable[Span]) -> list[tuple[int, int]]:
        """Return the bytes in which any part of the spans (seconds) sounds: whole frames, sorted, none twice.

        A span that lies outside of the recording is `NotSilenceable`: it is another recording's, or a typing error.
        """
        merged: list[tuple[int, int]] = []
        for first, last in sorted(self._frames(span) for span in spans):
            start, end = (self.start + frame * self.frame for frame in (first, last))
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _frames(self, span: Span) -> tuple[int, int]:
        start, end = (Fraction(str(seconds)) for seconds in span)  # 0.1 s at 8 kHz is 800 frames, not 801
        first, last = math.floor(start * self.rate), min(math.ceil(end * self.rate), self.size // self.frame)
        if self.goes_on and math.ceil(end * self.rate) > last:
            raise NotSilenceable(
                "a time span ends behind the samples that the header counts, where the recording goes on"
            )
        if not 0 <= first < last:
            raise NotSilenceable("a time span lies outside of the recording, or ends before it starts")
        return first, last


def read(stream: BinaryIO) -> Sound:
    """Read a recording's header, from the start of a stream that can seek."""
    stream.seek(0)
    kind, _, form = struct.unpack("<4s4s4s", _exactly(stream, 12))
    if kind != b"RIFF" or form != b"WAVE":
        named = kind.decode() if kind in {b"RF64", b"BW64", b"RIFX"} else "no WAV"
        raise NotSilenceable(f"the recording is {named}, which cannot be silenced in place")
    layout: tuple[int, int, int, int] | None = None
    while True:
        name, size = struct.unpack("<4sI", _exactly(stream, 8))
        if name == b"fmt ":
            layout = _layout(_exactly(stream, min(size, 40)))
            stream.seek(max(size - 40, 0) + size % 2, 1)
        elif name == b"data":
            return _sound(layout, stream, size)
        else:
            stream.seek(size + size % 2, 1)


def silenced(stream: BinaryIO, spans: Iterable[Span]) -> Iterator[bytes]:
    """Yield a recording with silence in `spans` (seconds from its start), in constant memory.

    The header is read before this returns, so what is `NotSilenceable` raises here, and nothing has been written.
    """
    sound = read(stream)
    places = sound.places(spans)
    stream.seek(0)
    return _with_silence(stream, places, bytes([sound.silence]))


def _with_silence(stream: BinaryIO, places: list[tuple[int, int]], silence: bytes) -> Iterator[bytes]:
    at = 0
    while chunk := stream.read(_CHUNK):
        piece = bytearray(chunk)
        for start, end in places:
            first, last = max(start - at, 0), min(end - at, len(piece))
            if first < last:
                piece[first:last] = silence * (last - first)
        at += len(piece)
        yield bytes(piece)


def _layout(raw: bytes) -> tuple[int, int, int, int]:
    if len(raw) < 16:
        raise NotSilenceable("the recording's format is not told")
    tag, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", raw)
    if tag == _EXTENSIBLE and len(raw) == 40 and raw[26:] == _SUBFORMAT:
        tag = int.from_bytes(raw[24:26], "little")
    if tag not in {_PCM, _FLOAT, _A_LAW, _MU_LAW}:
        raise NotSilenceable(f"the recording is {_NAMES.get(tag, 'compressed')}, which cannot be silenced in place")
    width = 1 if tag in {_A_LAW, _MU_LAW} else math.ceil(bits / 8)
    if not channels or not rate or not frame or frame != channels * width:
        raise NotSilenceable("the recording's format makes no sense")
    return tag, channels, rate, frame


def _sound(layout: tuple[int, int, int, int] | None, stream: BinaryIO, size: int) -> Sound:
    if layout is None:
        raise NotSilenceable("the recording's format is not told before its samples")
    start = stream.tell()
    there = stream.seek(0, 2) - start
    if not size and there:
        raise NotSilenceable("the recording was never finished: its header counts no samples")
    tag, channels, rate, frame = layout
    told = min(size, there) if size != _OPEN_END else there
    return Sound(tag, channels, rate, frame, start, told - told % frame, _goes_on(stream, start + told))


def _goes_on(stream: BinaryIO, at: int) -> bool:
    """Say whether anything but whole chunks without sound stands from a place to the end."""
    end = stream.seek(0, 2)
    at += at % 2 if at < end else 0
    while at < end:
        stream.seek(at)
        name, size = struct.unpack("<4sI", (stream.read(8) + bytes(8))[:8])
        at += 8 + size
        if at > end or name in _SOUND or not all(32 <= sign < 127 for sign in name):
            return True
        at += size % 2
    return False


def _exactly(stream: BinaryIO, size: int) -> bytes:
    raw = stream.read(size)
    if len(raw) != size:
        raise NotSilenceable("the recording is no WAV, or breaks off before its samples")
    return raw
