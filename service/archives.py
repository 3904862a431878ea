"""Unpacks uploaded archives, which strangers made: what is in them is counted while it is unpacked, not believed.

Names in them are shown and never become paths. Only plain files are taken; links, devices and archives in archives are
refused. Memory stays bounded whatever an archive claims: of a zip file the list of its members is measured before it is
read, of a tar file no header may be longer than a long name.
"""

import gzip
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from service.errors import BodyTooLargeError
from service.limits import UploadLimits

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
MIB = 1024 * 1024
_MOST_LIST_BYTES_A_MEMBER = 512
_HEADER_BYTES, _HEADER_BYTES_A_MEMBER = MIB, 4096
_END_OF_LIST, _END_OF_LIST_64 = b"PK\x05\x06", b"PK\x06\x07"


class ArchiveError(Exception):
    """The archive cannot be used; the message says why, and is for people."""


class Content:
    """What a member holds, for reading it once; errors as in ``members_of``."""

    def __init__(self, file: BinaryIO, count: Callable[[int], None]) -> None:
        self._file, self._count = file, count

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        with _told():
            data = self._file.read(size)
        self._count(len(data))
        return data


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name there, and what it holds, or why it cannot be had."""

    name: str
    content: Content | None = None
    problem: str | None = None


class Unpacked:
    """Counts what comes out of an archive. Raises BodyTooLargeError."""

    def __init__(self, path: Path, *, name: str, limits: UploadLimits) -> None:
        self.members = self.bytes = 0
        self.name, self.limits = name, limits
        by_ratio = max(limits.ratio_from_bytes, path.stat().st_size * limits.ratio)
        self._most = min(limits.unpacked_bytes, by_ratio)

    def reach(self, size: int) -> None:
        """So many bytes in all."""
        self.bytes = max(self.bytes, size)
        if size > self._most:
            raise BodyTooLargeError(
                f"The archive {self.name!r} unpacks to more than {self._most // MIB:,} MiB: that is "
                f"{self.limits.ratio} times its size, or more than an upload may hold."
            )

    def add(self, count: int) -> None:
        """So many bytes more."""
        self.reach(self.bytes + count)

    def add_member(self) -> None:
        """One more entry of any kind."""
        self.members += 1
        if self.members > self.limits.members:
            raise too_many_members(self.name)


def too_many_members(name: str) -> BodyTooLargeError:
    """An archive has more members than an upload may hold."""
    return BodyTooLargeError(
        f"The archive {name!r} has more members than an upload may hold; send it in parts."
    )


def is_archive_name(name: str) -> bool:
    """Whether a file of this name is unpacked."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def members_of(path: Path, unpacked: Unpacked) -> Iterator[Member]:
    """Yield the files of an archive; what one holds must be read before the next is asked for.

    Raises, as does reading what is in it:
        ArchiveError: it is no such archive, is damaged, or cannot be unpacked here.
        BodyTooLargeError: it unpacks to too much.
    """
    with _told():
        if unpacked.name.lower().endswith(".zip"):
            yield from _zip_members(path, unpacked)
        else:
            yield from _tar_members(path, unpacked)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ArchiveError("it is damaged, or no archive of this kind") from error
    except (NotImplementedError, ValueError, struct.error, RecursionError) as error:
        raise ArchiveError("it cannot be unpacked here; pack it again") from error


def _zip_members(path: Path, unpacked: Unpacked) -> Iterator[Member]:
    with open(path, "rb") as file:
        if _list_bytes(file) > unpacked.limits.members * _MOST_LIST_BYTES_A_MEMBER:
            raise too_many_members(unpacked.name)
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                unpacked.add_member()
                if info.is_dir() or _is_hidden(info.filename):
                    continue
                problem = _zip_problem(info) or _name_problem(info.filename)
                if problem is not None:
                    yield Member(info.filename, problem=problem)
                    continue
                with archive.open(info) as content:
                    yield Member(info.filename, Content(cast(BinaryIO, content), unpacked.add))


def _zip_problem(info: zipfile.ZipInfo) -> str | None:
    if info.flag_bits & 0x1:
        return "it is encrypted; pack it without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is packed by a method other than deflate; pack it again"
    if (info.external_attr >> 16) & 0o170000 == 0o120000:
        return "it is a link"
    return None


def _list_bytes(file: BinaryIO) -> int:
    """How long the list of members is, as the end of a zip file says: what a reader would hold in memory."""
    file.seek(0, 2)
    start = max(0, file.tell() - (1 << 16) - 22 - 76)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(_END_OF_LIST)
    if end < 0 or len(tail) < end + 22:
        raise ArchiveError("it is damaged, or no archive of this kind")
    (size,) = struct.unpack_from("<L", tail, end + 12)
    if end >= 76 and tail[end - 20 : end - 16] == _END_OF_LIST_64:
        (record,) = struct.unpack_from("<Q", tail, end - 20 + 8)
        if record != start + end - 76:  # some versions of zipfile look for it there, others here
            raise ArchiveError("it is damaged, or no archive of this kind")
        (size,) = struct.unpack_from("<Q", tail, end - 76 + 40)
    file.seek(0)
    return size


def _tar_members(path: Path, unpacked: Unpacked) -> Iterator[Member]:
    with open(path, "rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        plain = gzip.GzipFile(fileobj=file) if is_packed else file
        source = _Measured(cast(BinaryIO, plain), unpacked)
        with tarfile.open(fileobj=cast(BinaryIO, source), mode="r:") as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # pyright: ignore[reportAttributeAccessIssue]  # it would keep all of them
                unpacked.add_member()
                if info.isdir() or _is_hidden(info.name):
                    continue
                problem = _tar_problem(info) or _name_problem(info.name)
                if problem is not None:
                    yield Member(info.name, problem=problem)
                    continue
                content = archive.extractfile(info)
                assert content is not None, "of a plain file"
                source.begin_content()
                yield Member(info.name, Content(cast(BinaryIO, content), lambda count: None))
                source.begin_header()


def _tar_problem(info: tarfile.TarInfo) -> str | None:
    if info.issym() or info.islnk():
        return "it is a link"
    if not info.isreg() or info.issparse():
        return "it is no plain file"
    return None


def _name_problem(name: str) -> str | None:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        return "its name leads out of the archive"
    if is_archive_name(name):
        return "it is an archive in an archive; unpack it first"
    return None


def _is_hidden(name: str) -> bool:
    """What systems put into archives of their own accord, as scans leave out what is hidden."""
    parts = name.split("/")
    return "__MACOSX" in parts or any(part.startswith(".") and part not in (".", "..") for part in parts)


class _Measured:
    """A tar file, of which it is known how far it was read; ``tarfile`` believes any header how long it is, and holds
    it in memory."""

    def __init__(self, file: BinaryIO, unpacked: Unpacked) -> None:
        self._file, self._unpacked = file, unpacked
        self._is_header = True
        self._left_of_headers = _HEADER_BYTES

    def begin_header(self) -> None:
        self._is_header = True
        self._left_of_headers += _HEADER_BYTES_A_MEMBER

    def begin_content(self) -> None:
        self._is_header = False

    def read(self, size: int = -1) -> bytes:
        if self._is_header:
            self._left_of_headers -= size
            if size < 0 or self._left_of_headers < 0:
                raise ArchiveError("the headers in it are too long")
        data = self._file.read(size)
        self._unpacked.reach(self._file.tell())
        return data

    def seek(self, place: int) -> int:
        self._unpacked.reach(place)  # going forward in a packed file unpacks what lies between
        return self._file.seek(place)

    def tell(self) -> int:
        return self._file.tell()
