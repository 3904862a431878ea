"""Takes a multipart body apart while it arrives, and writes each file of it to disk: memory holds a part at a time.

Starlette's own form parser has no limit for a file, and keeps uploads in folders for temporary files, from where they
would have to be copied.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from service.errors import BodyTooLargeError, InvalidRequestError, MalformedRequestError
from service.limits import UploadLimits
from service.upload_storage import create, room_or_error

FIELD = "file"
MIB = 1024 * 1024


@dataclass(frozen=True)
class SentFile:
    """A file as it was sent: where it lies, the name that it was given, and its size."""

    path: Path
    name: str
    size_bytes: int


class MultipartFiles:
    """Give it the body with ``write``, and ``finish`` it; then ``files`` has what came in the field ``file``.

    Raises:
        MalformedRequestError: it is no multipart body, or ends too early.
        BodyTooLargeError, InvalidRequestError, StorageFullError.
    """

    def __init__(self, content_type: str, *, new_path: Callable[[], Path], limits: UploadLimits) -> None:
        self.files: list[SentFile] = []
        self._new_path = new_path
        self._limits = limits
        self._received = 0
        self._header_name, self._header_value = b"", b""
        self._disposition = b""
        self._file: BinaryIO | None = None
        self._path, self._name, self._size = Path(), "", 0
        self._parts = 0
        self._is_complete = False
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise MalformedRequestError("The content type multipart/form-data names no boundary.")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_begin": self._begin_header,
                    "on_header_field": self._add_to_name,
                    "on_header_value": self._add_to_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._open_file,
                    "on_part_data": self._add_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise MalformedRequestError(f"The multipart body cannot be read: {error}.") from error

    def write(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        self._received += len(data)
        if self._received > self._limits.request_bytes:
            raise BodyTooLargeError(f"The upload exceeds {_size(self._limits.request_bytes)}.")
        try:
            with room_or_error():
                self._parser.write(data)
        except FormParserError as error:
            raise MalformedRequestError(f"The multipart body cannot be read: {error}.") from error

    def finish(self) -> None:
        """The body is at its end."""
        if not self._is_complete:
            raise MalformedRequestError("The multipart body ends too early.")
        if not self.files:
            raise InvalidRequestError(f"Send at least one file, in the field {FIELD!r}.", field=FIELD)

    def close(self) -> None:
        """Close what is open, wherever the body ended."""
        if self._file is not None:
            with suppress(OSError):  # that it could not write the rest was told before
                self._file.close()

    def _begin_part(self) -> None:
        self._disposition = b""

    def _begin_header(self) -> None:
        self._header_name, self._header_value = b"", b""

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value

    def _open_file(self) -> None:
        _, options = parse_options_header(self._disposition)
        field = options.get(b"name", b"").decode(errors="replace")
        if field != FIELD or b"filename" not in options:
            told = f"Send files in the field {FIELD!r}, each with a filename, and nothing else."
            raise InvalidRequestError(told, field=field[:100] or FIELD)
        self._parts += 1
        if self._parts > self._limits.files:
            told = f"An upload has at most {self._limits.files:,} files; send an archive, or several uploads."
            raise InvalidRequestError(told, field=FIELD)
        self._name, self._size = _last_part(options[b"filename"].decode(errors="replace")), 0
        self._path = self._new_path()
        self._file = create(self._path)

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._size += end - start
        if self._size > self._limits.file_bytes:
            raise BodyTooLargeError(f"The file {self._name!r} exceeds {_size(self._limits.file_bytes)}.")
        self._file.write(memoryview(data)[start:end])

    def _end_part(self) -> None:
        assert self._file is not None
        self._file.close()
        if self._name or self._size:  # a browser's form sends an empty part for a field that was left open
            self.files.append(SentFile(self._path, self._name or "unnamed", self._size))
        else:
            self._path.unlink()

    def _end(self) -> None:
        self._is_complete = True


def _last_part(name: str) -> str:
    """A name without folders, which some browsers send, too, and with the three signs that forms must not hold."""
    for sent, meant in (("%22", '"'), ("%0D", " "), ("%0A", " ")):
        name = name.replace(sent, meant)
    return name.replace("\\", "/").rsplit("/", 1)[-1][:255]


def _size(count: int) -> str:
    return f"{count // MIB:,} MiB" if count >= MIB else f"{count:,} bytes"
