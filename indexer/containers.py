"""What an audio file says about its own length, read from its raw bytes.

Decoders repair what they can and then return less than a file once held, without a word. To tell a short
recording from a broken download, the declared length is read here and compared with what was decoded.
"""

import os
import struct
from typing import BinaryIO

_UNKNOWN_LENGTHS = (range(1), range(0x7FFFF000, 0x80000000), range(0xFFFFF000, 0x100000000))
"""Data sizes that programs write into a WAV header when they stream it and cannot know its length."""

_OGG_TAIL_BYTES = 65536 + 512
"""An Ogg page has at most 65,307 bytes, so the last one starts within this many bytes of the end."""


def file_size(file: BinaryIO) -> int:
    """Size of a seekable file in bytes; leaves its position at the start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def missing_pcm_share(file: BinaryIO) -> float:
    """Share of the sound data that a WAV or AIFF file declares but does not hold; 0 where nothing is
    declared."""
    size = file_size(file)
    head = file.read(12)
    order = ">" if head[:4] in (b"FORM", b"RIFX") else "<"
    data_id = b"SSND" if head[:4] == b"FORM" else b"data"
    long_size: int | None = None
    while len(header := file.read(8)) == 8:
        chunk_id, chunk_size = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        if chunk_id == b"ds64":
            body = file.read(chunk_size)
            long_size = struct.unpack_from("<Q", body, 8)[0] if len(body) >= 16 else None
        elif chunk_id == data_id:
            declared = long_size if long_size is not None and chunk_size == 0xFFFFFFFF else chunk_size
            if long_size is None and any(chunk_size in unknown for unknown in _UNKNOWN_LENGTHS):
                return 0.0
            return max(0.0, 1 - (size - file.tell()) / declared) if declared else 0.0
        else:
            file.seek(chunk_size + chunk_size % 2, os.SEEK_CUR)
    return 0.0


def ends_inside_ogg_page(file: BinaryIO) -> bool:
    """Whether an Ogg file breaks off in the middle of a page, or into something else before its last page."""
    size = file_size(file)
    file.seek(max(0, size - _OGG_TAIL_BYTES))
    tail = file.read()
    start = tail.rfind(b"OggS")
    if start < 0:
        return True
    header = tail[start : start + 27]
    if len(header) < 27:
        return True
    table = tail[start + 27 : start + 27 + header[26]]
    end = start + 27 + header[26] + sum(table)
    is_last_page = bool(header[5] & 0x04)
    return len(table) < header[26] or end > len(tail) or (end < len(tail) and not is_last_page)


def id3_size(file: BinaryIO) -> int:
    """Size in bytes of the ID3v2 tag at the start of a file, 0 without one."""
    file.seek(0)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def mp3_declares_length(file: BinaryIO) -> bool:
    """Whether an MP3's first frame holds a Xing, Info or VBRI header; without one its duration is a guess."""
    file.seek(id3_size(file))
    frame = file.read(4096)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))
