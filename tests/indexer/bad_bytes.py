"""Builds and bends audio files byte by byte: what encoders would never write."""

import struct
from collections.abc import Iterable, Iterator
from functools import cache


def patched(data: bytes, place: int | bytes, layout: str, *values: float | bytes) -> bytes:
    """Overwrite fields at an offset, or right behind the first place where some bytes are."""
    offset = place if isinstance(place, int) else data.index(place) + len(place)
    new = struct.pack(layout, *values)
    return data[:offset] + new + data[offset + len(new) :]


def chunk(name: bytes, body: bytes, *, order: str = "<") -> bytes:
    """A RIFF or AIFF chunk."""
    return name + struct.pack(f"{order}I", len(body)) + body + bytes(len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(name: bytes, body: bytes) -> bytes:
    """A box of an MP4 file."""
    return struct.pack(">I", 8 + len(body)) + name + body


def id3(size: int, body: bytes = b"") -> bytes:
    """An ID3v2.4 tag that says its size is ``size``, whatever ``body`` has."""
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def crc(data: bytes, *, bits: int, polynomial: int) -> int:
    """A cyclic redundancy check that starts at 0 and reflects nothing, as FLAC and Ogg have it."""
    table = _crc_table(bits, polynomial)
    value, mask = 0, (1 << bits) - 1
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> (bits - 8) ^ byte]
    return value


@cache
def _crc_table(bits: int, polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
        table.append(value)
    return table


def flac_of_silence(*, seconds: int, rate_hz: int, declared: int | None = None) -> bytes:
    """A FLAC file of frames that each say "65535 times the same sample": some 15 bytes for up to a minute."""
    count, block = seconds * rate_hz, 65535
    total = count if declared is None else declared
    facts = rate_hz << 44 | 0 << 41 | 15 << 36 | total
    info = struct.pack(">HH", block, block) + bytes(6) + facts.to_bytes(8, "big") + bytes(16)
    frames = [_flac_frame(number, min(block, count - number * block)) for number in range(-(-count // block))]
    return b"fLaC\x80\0\0\x22" + info + b"".join(frames)


def _flac_frame(number: int, count: int) -> bytes:
    coded = chr(number).encode("utf-8", "surrogatepass")  # FLAC numbers its frames in the way of UTF-8
    header = b"\xff\xf8\x70\x08" + coded + struct.pack(">H", count - 1)
    frame = header + bytes([crc(header, bits=8, polynomial=0x07)]) + bytes(3)
    return frame + crc(frame, bits=16, polynomial=0x8005).to_bytes(2, "big")


def ogg_pages(data: bytes) -> Iterator[bytes]:
    """The pages of an Ogg file."""
    while data:
        size = 27 + data[26] + sum(data[27 : 27 + data[26]])
        yield data[:size]
        data = data[size:]


def ogg_page(
    page: bytes, *, serial: int | None = None, flags: int | None = None, body: bytes | None = None
) -> bytes:
    """An Ogg page with another serial number, other flags, or another body of the same size; its checksum is right."""
    new = bytearray(page)
    if serial is not None:
        struct.pack_into("<I", new, 14, serial)
    if flags is not None:
        new[5] = flags
    if body is not None:
        new[len(new) - len(body) :] = body
    new[22:26] = bytes(4)
    struct.pack_into("<I", new, 22, crc(bytes(new), bits=32, polynomial=0x04C11DB7))
    return bytes(new)


def with_serial(data: bytes, serial: int) -> bytes:
    """An Ogg file whose only stream has this serial number; encoders draw one by chance."""
    return b"".join(ogg_page(page, serial=serial) for page in ogg_pages(data))


def flipped(data: bytes, places: Iterable[int]) -> bytes:
    """A bit of each of these bytes turned over."""
    new = bytearray(data)
    for place in places:
        new[place] ^= 1 << place % 8
    return bytes(new)


def overwritten(data: bytes, *, start: float, stop: float, fill: bytes) -> bytes:
    """A part of a file, given as shares of it, filled with something else, again and again."""
    first, last = int(len(data) * start), int(len(data) * stop)
    count = last - first
    return data[:first] + (fill * (count // len(fill) + 1))[:count] + data[last:]
