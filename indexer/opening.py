"""Opens files that may be anything: pipes that would block, links in circles, disks that fail.

Scanning and decoding share it, so that a path is refused for the same reason wherever that is found.
"""

import errno
import io
import os
import stat
from pathlib import Path

from indexer.errors import DecodeReason, UnreadableFileError

_BUFFER_BYTES = 1 << 16
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class OpenFile(io.BufferedReader):
    """A file that ``open_regular`` opened. It has no ``name``, or FFmpeg would guess formats by it."""

    def __init__(self, path: Path, raw: "_RememberingFile") -> None:
        super().__init__(raw, _BUFFER_BYTES)
        self.path = path
        self._remembering = raw

    def check_was_readable(self) -> None:
        """Raise UnreadableFileError if the disk gave an error so far."""
        if self._remembering.error is not None:
            raise unreadable(self.path, self._remembering.error)


class _RememberingFile(io.FileIO):
    """Keeps the error that a disk gave: decoders take it for the end of the file and go on."""

    error: OSError | None = None

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().readinto(buffer)
        except OSError as error:
            self.error = error
            raise

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as error:
            self.error = error
            raise


def check_regular(path: Path) -> os.stat_result:
    """Look at a file, through links; UnreadableFileError if it is not there, or no regular file."""
    try:
        info = os.stat(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    _check_mode(path, info.st_mode)
    return info


def open_regular(path: Path) -> OpenFile:
    """Open a file for reading, unless that would wait for somebody; UnreadableFileError says why not."""
    check_regular(path)  # devices must not even be opened
    try:
        # O_NONBLOCK: if a named pipe took its place, opening it must not wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    try:
        _check_mode(path, os.fstat(descriptor).st_mode)
    except UnreadableFileError:
        os.close(descriptor)
        raise
    return OpenFile(path, _RememberingFile(descriptor))


def unreadable(path: Path, error: OSError | ValueError) -> UnreadableFileError:
    """Why a path cannot be opened or read, with its reason."""
    name = repr(str(path))
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENOTDIR) and os.path.islink(path):
        told = f"{name} is a link to {os.readlink(path)!r}, which does not exist."
        return UnreadableFileError(DecodeReason.DANGLING_LINK, told)
    if number in (errno.ENOENT, errno.ENOTDIR):
        return UnreadableFileError(DecodeReason.VANISHED, f"{name} does not exist.")
    if number == errno.ELOOP:
        told = f"{name} is a link that leads back to itself."
        return UnreadableFileError(DecodeReason.LINK_CIRCLE, told)
    if number in (errno.EACCES, errno.EPERM):
        told = f"{name} may not be read by this user: {os.strerror(number)}."
        return UnreadableFileError(DecodeReason.NO_PERMISSION, told)
    cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UnreadableFileError(DecodeReason.UNREADABLE, f"{name} cannot be read: {cause}.")


def _check_mode(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise UnreadableFileError(DecodeReason.NOT_A_FILE, f"{str(path)!r} is {kind}, not a file.")
