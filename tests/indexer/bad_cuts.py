"""Sounds in every container, cut off before and inside each of their headers, and in the middle of the sound."""

import struct
from collections.abc import Iterator
from functools import cache

from tests.indexer.sounds import RATE_HZ, encode, ffmpeg_bytes, soundfile_bytes, tone

HEADERS: dict[str, list[bytes]] = {
    "wav": [b"RIFF", b"WAVE", b"fmt ", b"data"],
    "rf64": [b"RF64", b"WAVE", b"ds64", b"fmt ", b"data"],
    "w64": [b"riff", b"wave", b"fmt ", b"data"],
    "aiff": [b"FORM", b"AIFF", b"COMM", b"SSND"],
    "au": [b".snd"],
    "caf": [b"caff", b"desc", b"data"],
    "flac": [b"fLaC", b"reference libFLAC", b"\xff\xf8"],
    "ogg": [b"OggS", b"\x01vorbis", b"\x03vorbis", b"\x05vorbis"],
    "opus": [b"OggS", b"OpusHead", b"OpusTags"],
    "mp3": [b"ID3", b"\xff\xf3", b"Info"],
    "m4a": [b"ftyp", b"mdat", b"moov", b"mvhd", b"mdhd", b"stsd", b"esds", b"stsz", b"stco"],
    "m4b": [b"moov", b"trak", b"stsd", b"esds", b"stts", b"stsc", b"stsz", b"mdat"],
    "mp4": [b"moov", b"mvex", b"moof", b"trun", b"mdat"],
    "webm": [b"\x1aE\xdf\xa3", b"\x18S\x80g", b"\x15I\xa9f", b"\x16T\xaek", b"A_OPUS", b"\x1fC\xb6u"],
    "wma": [b"0&\xb2u", b"\xa1\xdc\xab\x8c", b"\x91\x07\xdc\xb7", b"6&\xb2u"],
    "tta": [b"TTA1"],
    "wv": [b"wvpk"],
    "avi": [b"RIFF", b"hdrl", b"strh", b"strf", b"movi"],
}
"""What each header is found by, in the order in which they come."""


@cache
def sound(suffix: str, *, seconds: float = 1.0, hz: float = 440.0) -> bytes:
    """A tone as a file of that suffix usually is: .m4b with its index in front, .mp4 in fragments."""
    samples = tone(seconds=seconds, hz=hz)
    if suffix in ("rf64", "w64", "au", "caf"):
        return soundfile_bytes(samples, file_format=suffix.upper())
    if suffix == "m4b":
        return _index_first(sound("m4a", seconds=seconds, hz=hz))
    if suffix == "mp4":
        options = {"movflags": "empty_moov+frag_keyframe", "frag_duration": "200000"}
        return ffmpeg_bytes(samples, suffix=suffix, rate_hz=RATE_HZ, options=options)
    if suffix in ("wma", "wv", "tta", "avi"):
        return ffmpeg_bytes(samples, suffix=suffix, rate_hz=RATE_HZ)
    if suffix == "ac3":
        rate_hz = 48000
        return ffmpeg_bytes(tone(seconds=seconds, hz=hz, rate_hz=rate_hz), suffix=suffix, rate_hz=rate_hz)
    return encode(samples, suffix=suffix, rate_hz=RATE_HZ)


def cuts(suffix: str) -> Iterator[tuple[str, bytes]]:
    """Where a sound is cut off, in words, and what is left of it; at least four bytes."""
    data = sound(suffix)
    place = 0
    for header in HEADERS[suffix]:
        place = data.index(header, place)
        name = "".join(chr(byte) if chr(byte).isalnum() else f"{byte:02x}" for byte in header.strip())
        if place > 4:
            yield f"before {name}", data[:place]
        yield f"inside {name}", data[: place + len(header) + 2]
        place += len(header)
    yield "in the middle", data[: (place + len(data)) // 2]


def _index_first(data: bytes) -> bytes:
    """An MP4 file as it is made for the web: moov before mdat."""
    boxes: dict[bytes, bytes] = {}
    place = 0
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        boxes[data[place + 4 : place + 8]] = data[place : place + size]
        place += size
    moov = bytearray(boxes[b"moov"])
    table = moov.index(b"stco") + 8
    for number in range(struct.unpack_from(">I", moov, table)[0]):
        (offset,) = struct.unpack_from(">I", moov, table + 4 + 4 * number)
        struct.pack_into(">I", moov, table + 4 + 4 * number, offset + len(moov))
    return b"".join([boxes[b"ftyp"], bytes(moov), boxes[b"free"], boxes[b"mdat"]])
