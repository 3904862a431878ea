"""Reads what a Broadcast Wave file says of itself: its ``bext`` chunk (EBU Tech 3285) and its ``iXML`` chunk.

iXML has notes of the recordist and, in the section ASWG (ASWG-G006) or USER, what UCS tools write: category, id,
name, keywords. Files come from anywhere, so sizes are bounded and XML is read without entities or document types.
"""

import os
import struct
from typing import BinaryIO
from xml.parsers import expat

from indexer.description import NOTHING, Description, describe, split_tags
from indexer.ucs import category_of

_MAX_CHUNK_BYTES = 1 << 20
_MAX_CHUNKS = 4096
_MAX_DEPTH = 16
_BEXT_DESCRIPTION, _BEXT_ORIGINATOR = slice(0, 256), slice(256, 288)

_Fields = dict[str, str]
"""Text of iXML by section and element, in lower case: ``aswg/fxname``."""


def read_bwf(file: BinaryIO) -> tuple[Description, Description]:
    """What ``iXML`` and what ``bext`` of a WAV, RF64 or BW64 file says; nothing for another file."""
    chunks = _chunks(file, {b"bext", b"iXML"})
    return _of_ixml(chunks.get(b"iXML", b"")), _of_bext(chunks.get(b"bext", b""))


def _chunks(file: BinaryIO, wanted: set[bytes]) -> dict[bytes, bytes]:
    file.seek(0)
    head = file.read(12)
    found: dict[bytes, bytes] = {}
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:12] != b"WAVE":
        return found
    data_bytes: int | None = None
    for _ in range(_MAX_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        kind, size = header[:4], struct.unpack("<I", header[4:])[0]
        start = file.tell()
        if kind in wanted and size <= _MAX_CHUNK_BYTES:
            found.setdefault(kind, file.read(size))
        elif kind == b"ds64":
            body = file.read(16)
            data_bytes = struct.unpack_from("<Q", body, 8)[0] if len(body) == 16 else None
        elif kind == b"data" and size == 0xFFFFFFFF:
            if data_bytes is None:
                break
            size = data_bytes
        file.seek(start + size + size % 2, os.SEEK_SET)
    return found


def _of_bext(chunk: bytes) -> Description:
    return describe(
        description=_text(chunk[_BEXT_DESCRIPTION]),
        artist=_text(chunk[_BEXT_ORIGINATOR]),
    )


def _text(field: bytes) -> str:
    field = field.partition(b"\0")[0]
    try:
        return field.decode("utf-8")
    except UnicodeDecodeError:
        return field.decode("cp1252", errors="replace")


def _of_ixml(chunk: bytes) -> Description:
    fields = _ixml_fields(chunk)
    if not fields:
        return NOTHING
    cat_id = _first(fields, "aswg/catid", "user/catid")
    category = _first(fields, "aswg/category", "user/category") or category_of(cat_id or "")
    lists = (fields.get(name, "") for name in ("user/keywords", "aswg/genre", "aswg/instrument"))
    singles = (
        cat_id,
        _first(fields, "aswg/subcategory", "user/subcategory"),
        fields.get("aswg/usercategory"),
    )
    return describe(
        title=_first(fields, "aswg/fxname", "user/fxname", "user/tracktitle", "aswg/songtitle"),
        description=_first(fields, "user/description", "aswg/notes", "note", "bext/bwf_description", "user"),
        artist=_first(fields, "aswg/artist", "user/artist", "user/designer", "aswg/originator"),
        licence=_first(fields, "user/license", "user/licence", "aswg/usagerights"),
        category=category,
        tags=[*(text for text in singles if text), *(tag for text in lists for tag in split_tags(text))],
    )


def _first(fields: _Fields, *names: str) -> str | None:
    return next((fields[name] for name in names if fields.get(name)), None)


class _Refused(Exception):
    """XML that declares a document type, and with it entities, or nests without end."""


def _ixml_fields(chunk: bytes) -> _Fields:
    parts: dict[str, list[str]] = {}
    path: list[str] = []

    def started(name: str, _attributes: dict[str, str]) -> None:
        path.append(name.lower())
        if len(path) > _MAX_DEPTH:
            raise _Refused

    def ended(_name: str) -> None:
        path.pop()

    def read(text: str) -> None:
        if len(path) > 1:  # the root's name does not matter
            parts.setdefault("/".join(path[1:]), []).append(text)

    def refuse(*_: object) -> None:
        raise _Refused

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = read
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(chunk.rstrip(b"\0 \r\n\t"), True)
    except (expat.ExpatError, _Refused, ValueError, LookupError):
        return {}
    fields = {name: "".join(texts).strip() for name, texts in parts.items()}
    return {name: text for name, text in fields.items() if text}
