"""Small facts about an audio file's length, read from its raw bytes; ``structure`` walks a file's parts."""

import os
from typing import BinaryIO

_OGG_TAIL_BYTES = 65536 + 512
"""An Ogg page has at most 65,307 bytes, so the last one starts within this many bytes of the end."""


def file_size(file: BinaryIO) -> int:
    """Size of a seekable file in bytes; leaves its position at the start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


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
