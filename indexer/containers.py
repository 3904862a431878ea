"""Small facts about an audio file's length, read from its raw bytes; ``structure`` walks a file's parts."""

import os
import struct
import zlib
from typing import BinaryIO

_OGG_TAIL_BYTES = 65536 + 512
"""An Ogg page has at most 65,307 bytes, so the last one starts within this many bytes of the end."""

_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def file_size(file: BinaryIO) -> int:
    """Size of a seekable file in bytes; leaves its position at the start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def ends_inside_ogg_page(file: BinaryIO) -> bool:
    """Whether an Ogg file breaks off in the middle of a page, or into something else before its last page."""
    tail = _from_last_ogg_page(file)
    size = _ogg_page_size(tail)
    is_last_page = len(tail) > 5 and bool(tail[5] & 0x04)
    return size is None or (size < len(tail) and not is_last_page)


def ogg_has_only_headers(file: BinaryIO) -> bool:
    """Whether an Ogg file's last page says that no sample came before its end, as only headers' pages do."""
    return not any(_from_last_ogg_page(file)[6:14])


def last_ogg_page_is_intact(file: BinaryIO) -> bool:
    """Whether the checksum of the last page is right; FFmpeg leaves out a page where it is wrong."""
    tail = _from_last_ogg_page(file)
    page = tail[: _ogg_page_size(tail)]
    (told,) = struct.unpack_from("<I", page.ljust(26, b"\0"), 22)
    return _ogg_checksum(page[:22] + bytes(4) + page[26:]) == told


def _from_last_ogg_page(file: BinaryIO) -> bytes:
    file.seek(max(0, file_size(file) - _OGG_TAIL_BYTES))
    tail = file.read()
    start = tail.rfind(b"OggS")
    return tail[start:] if start >= 0 else b""


def _ogg_page_size(data: bytes) -> int | None:
    """Bytes of the page that data starts with; None if they are not all there."""
    if len(data) < 27 or len(data) < 27 + data[26]:
        return None
    size = 27 + data[26] + sum(data[27 : 27 + data[26]])
    return size if size <= len(data) else None


def _ogg_checksum(data: bytes) -> int:
    """CRC-32 as Ogg has it (RFC 3533): zlib's with all bits in the other order, and nothing inverted."""
    value = zlib.crc32(data.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


def id3_size(file: BinaryIO) -> int:
    """Size in bytes of the ID3v2 tag at the start of a file, 0 without one."""
    file.seek(0)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def mp3_declares_length(file: BinaryIO) -> bool:
    """Whether an MP3's first frame declares its length, in a Xing, Info or VBRI header; else its duration is a guess.

    The header is of the first part alone if files were joined; FFmpeg guesses then, too, and at the same excess.
    """
    start = id3_size(file)
    file.seek(start)
    frame = file.read(4096)
    if b"VBRI" in frame:
        return True
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if place < 0 or len(frame) < place + 16:
        return False
    flags, _, count = struct.unpack_from(">III", frame, place + 4)
    if not flags & 1:
        return False
    return not flags & 2 or file_size(file) - start <= count + count // 16
