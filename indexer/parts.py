"""The outermost parts of an audio file: chunks, boxes, blocks and objects, with the sizes that they declare.

Only headers are read here. What follows from them is for ``structure`` to say.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from indexer.containers import file_size

_MOST_PARTS = 100_000
"""Six hours in fragments of a fifth of a second. More takes longer to walk than it is worth."""

_UNKNOWN_LENGTHS = (range(1), range(0x7FFFF000, 0x80000000), range(0xFFFFF000, 0x100000000))
"""Data sizes that programs write into a WAV header when they stream it and cannot know its length."""

W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_EBML_HEADER, _EBML_SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")
FLAC_INFO, FLAC_FRAMES = b"\0", b"frames"


class EndlessPartsError(Exception):
    """A file is a chain of more parts than any recording has."""


class Part(NamedTuple):
    """A part of a file: ``size`` of its body is what its header declares, None if that cannot know it."""

    id: bytes
    body: int
    size: int | None


_Reader = Callable[[BinaryIO], Part | None]
"""Reads the header of a part at the file's position; None if it is not there as a whole."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a container is laid out: where its first part starts, to how many bytes parts are padded, which part
    describes the sound and which holds it."""

    first: int = 0
    read: _Reader
    padding: int = 1
    header: bytes
    sound: bytes


def parts_of(file: BinaryIO, layout: Layout) -> Iterator[Part]:
    """Walk a file's parts; a Layout serves one walk.

    Raises:
        EndlessPartsError: there is no end to them, and no sound among them.
    """
    place, end = layout.first, file_size(file)
    seen: set[bytes] = set()
    for _ in range(_MOST_PARTS):
        if place >= end:
            return
        file.seek(place)
        part = layout.read(file)
        if part is None:
            return
        yield part
        seen.add(part.id)
        if part.size is None:
            return
        end_of_part = part.body + part.size
        if end_of_part <= place:  # it says that it lies before itself
            return
        place = end_of_part + -end_of_part % layout.padding
    if not seen >= {layout.header, layout.sound}:
        raise EndlessPartsError


def layout_of(file: BinaryIO) -> Layout | None:
    """The layout that a file's first bytes tell, None if they tell none that is known here."""
    file.seek(0)
    head = file.read(26)
    match head[:4]:
        case b"RIFF" | b"RIFX" | b"RF64" if head[8:12] in (b"WAVE", b"AVI ") or len(head) < 12:
            header, sound = (b"hdrl", b"movi") if head[8:11] == b"AVI" else (b"fmt ", b"data")
            read = _riff_reader(">" if head[:4] == b"RIFX" else "<")
            return Layout(first=12, read=read, padding=2, header=header, sound=sound)
        case b"FORM" if head[8:12] in (b"AIFF", b"AIFC") or len(head) < 12:
            return Layout(first=12, read=_chunk_reader(">4sI"), padding=2, header=b"COMM", sound=b"SSND")
        case b"caff":
            return Layout(first=8, read=_chunk_reader(">4sq"), header=b"desc", sound=b"data")
        case b"riff":
            header, sound = b"fmt " + W64_TAIL, b"data" + W64_TAIL
            read = _chunk_reader("<16sq", counts_itself=True)
            return Layout(first=40, read=read, padding=8, header=header, sound=sound)
        case b".snd":
            return Layout(read=_read_au, header=b".snd", sound=b".snd")
        case b"fLaC":
            has_samples = any(head[22:26]) or bool(head[21:22] and head[21] & 0x0F)
            sound = FLAC_FRAMES if has_samples or len(head) < 26 else FLAC_INFO
            return Layout(first=4, read=_flac_reader(), header=FLAC_INFO, sound=sound)
        case _:
            pass
    if head[:4] == _EBML_HEADER:
        return Layout(read=_read_element, header=_EBML_HEADER, sound=_EBML_SEGMENT)
    if head[:16] == _ASF_HEADER:
        read = _chunk_reader("<16sq", counts_itself=True)
        return Layout(read=read, header=_ASF_HEADER, sound=_ASF_DATA)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return Layout(read=_read_box, header=b"moov", sound=b"mdat")
    return None


def _chunk_reader(layout: str, *, counts_itself: bool = False) -> _Reader:
    header = struct.Struct(layout)

    def read(file: BinaryIO) -> Part | None:
        data = file.read(header.size)
        if len(data) < header.size:
            return None
        part_id, size = header.unpack(data)
        size -= header.size if counts_itself else 0
        return Part(part_id, file.tell(), size if size >= 0 else None)

    return read


def _riff_reader(order: str) -> _Reader:
    read_chunk = _chunk_reader(f"{order}4sI")
    long_size: int | None = None

    def read(file: BinaryIO) -> Part | None:
        nonlocal long_size
        part = read_chunk(file)
        if part is None or part.id not in (b"ds64", b"data", b"LIST"):
            return part
        if part.id == b"ds64":
            body = file.read(16)
            long_size = struct.unpack_from(f"{order}Q", body, 8)[0] if len(body) == 16 else None
            return part
        if part.id == b"LIST":
            part = part._replace(id=file.read(4))
        elif part.size == 0xFFFFFFFF and long_size is not None:
            return part._replace(size=long_size)
        return part._replace(size=None) if any(part.size in sizes for sizes in _UNKNOWN_LENGTHS) else part

    return read


def _read_au(file: BinaryIO) -> Part | None:
    data = file.read(24)
    if len(data) < 24 or file.tell() > 24:  # there is but one part
        return None
    _, body, size, *_ = struct.unpack(">4s5I", data)
    return Part(b".snd", body, None if size == 0xFFFFFFFF else size)


def _flac_reader() -> _Reader:
    is_last = False

    def read(file: BinaryIO) -> Part | None:
        nonlocal is_last
        if is_last:
            return Part(FLAC_FRAMES, file.tell(), None)
        data = file.read(4)
        if len(data) < 4:
            return None
        is_last = bool(data[0] & 0x80)
        return Part(bytes([data[0] & 0x7F]), file.tell(), int.from_bytes(data[1:], "big"))

    return read


def _read_box(file: BinaryIO) -> Part | None:
    data = file.read(8)
    if len(data) < 8:
        return None
    size, kind = struct.unpack(">I4s", data)
    if size == 0:  # to the end of the file
        return Part(kind, file.tell(), None)
    if size == 1:
        data += file.read(8)
        if len(data) < 16:
            return None
        (size,) = struct.unpack_from(">Q", data, 8)
    return Part(kind, file.tell(), size - len(data)) if size >= len(data) else None


def _read_element(file: BinaryIO) -> Part | None:
    """An EBML element: its id, and its size as a number that tells its own length, all ones if unknown."""
    part_id, data = _read_number(file), _read_number(file)
    if not part_id or not data:
        return None
    bits = 7 * len(data)
    size = int.from_bytes(data, "big") & ((1 << bits) - 1)
    return Part(part_id, file.tell(), None if size == (1 << bits) - 1 else size)


def _read_number(file: BinaryIO) -> bytes:
    first = file.read(1)
    if not first or not first[0]:
        return b""
    length = 9 - first[0].bit_length()
    data = first + file.read(length - 1)
    return data if len(data) == length else b""
