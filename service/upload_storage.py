"""Where uploaded files come to lie: on disk at once, under names of our own, in their library together or not at all.

An upload is written to a hidden folder, which no scan enters, and takes its place in the library's folder by one rename
when all of it is there. Beside its files lies a table (``indexer.description_tables``) with the names they were sent
under.
"""

import csv
import errno
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from service.errors import StorageFullError
from service.uploads_folder import uploads_folder

TABLE = "sonoglot.csv"
_UNFINISHED = ".incoming-"
_GONE = ".gone-"
_LEFT_BEHIND_S = 24 * 3600.0
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class UploadStorage:
    """A folder that fills with one upload. ``keep`` puts it in its place; what was not kept is deleted by ``close``."""

    def __init__(self, store_dir: Path, library: str) -> None:
        self._uploads = uploads_folder(store_dir, library)
        self._number = uuid.uuid4().hex
        self._folder = self._uploads / f"{_UNFINISHED}{self._number}"
        self._names: dict[Path, str] = {}
        with room_or_error():
            self._folder.mkdir(parents=True)
        _sweep(self._uploads)

    def new_path(self, suffix: str) -> Path:
        """A path for a file of this kind; nobody but us chose a character of its name."""
        return self._folder / f"{uuid.uuid4().hex}{suffix}"

    def take(self, path: Path, *, name: str) -> None:
        """Count a finished file as a sound of the library, sent under this name."""
        self._names[path] = name.replace("\0", "")  # which ends a table for its reader

    def keep(self) -> Path:
        """Put what was taken in its place, and return the folder that it is in now. Raises StorageFullError."""
        with room_or_error():
            for path in self._folder.iterdir():
                if path not in self._names:
                    path.unlink()
            with open(self._folder / TABLE, "w", encoding="utf-8", errors="replace", newline="") as file:
                table = csv.writer(file)
                table.writerow(("file", "original_name"))
                table.writerows((path.name, name) for path, name in self._names.items())
            return self._folder.rename(self._uploads / self._number)

    def close(self) -> None:
        """Delete what was not kept."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def room_or_error() -> Iterator[None]:
    """Tell a full disk from other errors: StorageFullError."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFullError(
                "The server's disk has no room for the upload; nothing of it was kept."
            ) from error
        raise


def create(path: Path) -> BinaryIO:
    """Open a new file for writing; nothing may be there yet."""
    return open(path, "xb")


def forget_upload(store_dir: Path, library: str, path: Path) -> None:
    """Delete a file if it was uploaded into a library, and the folder of its upload with the last of them."""
    uploads = Path(os.path.abspath(uploads_folder(store_dir, library)))
    if path.parent.parent != uploads:
        return
    path.unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # the folder went with another of its last files
        if all(other.name == TABLE for other in path.parent.iterdir()):
            shutil.rmtree(path.parent, ignore_errors=True)


def uploaded_files(store_dir: Path, library: str) -> int:
    """How many files there are that were uploaded into a library."""
    return _count(uploads_folder(store_dir, library))


def forget_uploads(store_dir: Path, library: str) -> int:
    """Delete all that was uploaded into a library, and what is on its way; how many files had come.

    It is first put where no upload goes on, for one that ends meanwhile would leave some of it behind.
    """
    folder = uploads_folder(store_dir, library)
    gone = folder.with_name(f"{_GONE}{uuid.uuid4().hex}")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return 0
    count = _count(gone)
    for left in folder.parent.glob(f"{_GONE}*"):  # also by one that was killed here
        shutil.rmtree(left, ignore_errors=True)
    return count


def _count(uploads: Path) -> int:
    kept = (file for file in uploads.glob("*/*") if not file.parent.name.startswith(_UNFINISHED))
    return sum(file.name != TABLE for file in kept)


def _sweep(uploads: Path) -> None:
    """Delete what a server left behind that was killed in the middle of an upload."""
    for folder in uploads.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):  # another upload may end meanwhile
            if time.time() - folder.stat().st_mtime > _LEFT_BEHIND_S:
                shutil.rmtree(folder)
