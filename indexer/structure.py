"""Whether a file breaks off, told from the sizes that its own parts declare, and what its header claims.

Decoders repair what they can and then return less than a file once held, without a word. To tell a short
recording from a broken download, its outermost parts are compared with its size; nothing is decoded.
"""

import math
import struct
from typing import BinaryIO, NamedTuple

from indexer.containers import file_size
from indexer.parts import FLAC_FRAMES, FLAC_INFO, Layout, layout_of, parts_of

_TOLERATED_LOSS = 0.02
"""Encoders round, and count what they did not write in the end."""


def how_cut_off(file: BinaryIO) -> str | None:
    """How a file breaks off, in words to follow "is cut off: "; None if nothing tells that it does.

    Raises:
        EndlessPartsError: there is no end to its parts, and no sound among them.
    """
    size, layout = file_size(file), layout_of(file)
    if layout is None:
        return None
    seen: set[bytes] = set()
    declared = missing = 0
    for part in parts_of(file, layout):
        beyond = max(0, part.body + part.size - size) if part.size is not None else 0
        if part.id == layout.sound:
            declared += part.size or 0
            missing = beyond
        elif beyond and not seen >= {layout.header, layout.sound}:
            return f"it ends inside its {_words(part.id, layout)}"
        seen.add(part.id)
    if missing > _TOLERATED_LOSS * declared:
        return f"{missing / declared:.0%} of the declared data is missing"
    for part_id in (layout.header, layout.sound):
        if part_id not in seen:
            return f"its {_words(part_id, layout)} is missing"
    return None


def is_whole(file: BinaryIO) -> bool:
    """Whether a file's parts tell that nothing of it is missing; a file may be whole that cannot tell."""
    layout = layout_of(file)
    if layout is None or layout.sound == FLAC_FRAMES:
        return False
    sizes = [part.size for part in parts_of(file, layout) if part.id == layout.sound]
    return bool(sizes) and None not in sizes and how_cut_off(file) is None


def declares_no_sound(file: BinaryIO) -> bool:
    """Whether a file is well formed and its sound data has no bytes."""
    layout = layout_of(file)
    return layout is not None and any(
        part.size == 0 or (layout.sound == FLAC_INFO and part.body + 34 == file_size(file))
        for part in parts_of(file, layout)
        if part.id == layout.sound
    )


def _words(part_id: bytes, layout: Layout) -> str:
    if part_id == b"moov":
        return "index (moov)"
    return "sound data" if part_id == layout.sound else "header"


class Claims(NamedTuple):
    """What a header says about the sound; None means that nothing is said. ``bytes_each`` is what a sample takes,
    ``codec`` a WAV format tag."""

    channels: int
    rate_hz: float
    bits: int | None = None
    bytes_each: float | None = None
    codec: int | None = None


def claims(file: BinaryIO) -> Claims | None:
    """What the header of a WAV, W64, AIFF or CAF file claims, however absurd; None for others, and without one."""
    file.seek(0)
    head = file.read(12)
    layout = layout_of(file)
    read = _HEADERS.get(layout.header[:4]) if layout is not None else None
    if layout is None or read is None:
        return None
    body = next((part.body for part in parts_of(file, layout) if part.id == layout.header), None)
    if body is None:
        return None
    file.seek(body)
    return read(head, file.read(32).ljust(32, b"\0"))


def _fmt_claims(head: bytes, data: bytes) -> Claims:
    order = ">" if head[:4] == b"RIFX" else "<"
    codec, channels, rate_hz, _, block, bits = struct.unpack_from(f"{order}HHIIHH", data)
    is_plain = codec in (1, 3)
    bytes_each = block / channels if is_plain and block and channels else None
    return Claims(channels, rate_hz, bits if is_plain else None, bytes_each, codec)


def _comm_claims(head: bytes, data: bytes) -> Claims:
    channels, _, bits = struct.unpack_from(">HIH", data)
    return Claims(channels, _extended(data[8:18]), bits if head[8:12] == b"AIFF" else None)


def _desc_claims(head: bytes, data: bytes) -> Claims:
    (rate_hz,), (channels,) = struct.unpack_from(">d", data), struct.unpack_from(">I", data, 24)
    return Claims(channels, rate_hz)


_HEADERS = {b"fmt ": _fmt_claims, b"COMM": _comm_claims, b"desc": _desc_claims}


def _extended(data: bytes) -> float:
    """An 80-bit floating-point number, as AIFF writes rates."""
    exponent, mantissa = struct.unpack(">hQ", data)
    try:
        return math.ldexp(mantissa, exponent - 16383 - 63) if exponent >= 0 else -1.0
    except OverflowError:
        return math.inf
