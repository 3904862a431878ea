"""Finds the audio files below the given paths, in a fixed order, surviving whatever a file system may hold.

Files come in portions while the folders are walked, so that ten million of them need no more memory than the names
in the largest folder (about 80 bytes a file) and 100 bytes a folder.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indexer.errors import DecodeError, DecodeReason
from indexer.opening import check_regular, unreadable

PORTION = 1_000
"""So many paths are handed out, and looked up in the catalogue, at a time."""

AUDIO_SUFFIXES = frozenset(
    {
        ".wav",
        ".wave",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".m4a",
        ".m4b",
        ".mp4",
        ".aac",
        ".webm",
        ".weba",
    }
    | {".mka", ".aif", ".aiff", ".aifc", ".caf", ".wma", ".amr", ".au", ".w64", ".ape", ".wv", ".tta", ".ac3"}
    | {".mov", ".mkv"}
)
"""Files with these suffixes are tried when found in a folder; a file that is named itself is always tried."""

_NO_AUDIO = "not an audio file (by its suffix)"


@dataclass(frozen=True)
class ScanNote:
    """A path that is no candidate, and why: for people, and where it failed also for programs."""

    path: Path
    reason: str
    code: DecodeReason | None = None


@dataclass
class Portion:
    """Some of the paths that a scan came by, in order: ``candidates`` to decode, ``skipped`` as not audio, and
    ``failed`` folders or paths that could not be read."""

    candidates: list[Path] = field(default_factory=list)
    skipped: list[ScanNote] = field(default_factory=list)
    failed: list[ScanNote] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.candidates) + len(self.skipped) + len(self.failed)


class Scan:
    """A look for audio in files and, recursively, in folders. Never raises for what it finds.

    Paths become absolute, each appears once, and the order is that of their names as bytes. Hidden files and
    folders are left out (counted as skipped), symbolic links are followed, and a folder is entered once however
    many links lead to it.

    ``roots`` are the given paths that exist; ``linked_folders`` says, after walking, how many folders were come
    to through a symbolic link.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.roots: list[Path] = []
        self.linked_folders = 0
        self._failed: list[ScanNote] = []
        self._named: set[bytes] = set()
        for root in sorted({Path(os.path.abspath(path)) for path in paths}, key=os.fsencode):
            try:
                is_folder = stat.S_ISDIR(os.stat(root).st_mode)
            except (OSError, ValueError) as error:
                self._failed.append(_failed(root, unreadable(root, error)))
                continue
            self.roots.append(root)
            if not is_folder:
                self._named.add(os.fsencode(root))

    @property
    def named_files(self) -> list[Path]:
        """Those of the given paths that are no folders."""
        return [root for root in self.roots if os.fsencode(root) in self._named]

    def count(self) -> int:
        """How many candidates there are, nearly: a quick look at names alone, for showing progress."""
        return sum(isinstance(item, bytes) for item in self._walk())

    def portions(self) -> Iterator[Portion]:
        """Yield what there is, up to ``PORTION`` paths at a time."""
        portion = Portion(failed=self._failed)
        for item in self._walk():
            found = _look_at(item) if isinstance(item, bytes) else item
            if isinstance(found, Path):
                portion.candidates.append(found)
            else:
                (portion.skipped if found.code is None else portion.failed).append(found)
            if len(portion) >= PORTION:
                yield portion
                portion = Portion()
        yield portion

    def _walk(self) -> Iterator[bytes | ScanNote]:
        """Names that may be audio, and notes on all others.

        Names are bytes here, for making a ``Path`` takes longer than all else that is done to a file.
        """
        entered: set[tuple[int, int]] = set()
        self.linked_folders = 0
        for root in map(os.fsencode, self.roots):
            if root in self._named:
                yield root
            else:
                yield from self._walk_folder(root, entered)

    def _walk_folder(self, root: bytes, entered: set[tuple[int, int]]) -> Iterator[bytes | ScanNote]:
        levels: list[tuple[bytes, Iterator[bytes]]] = []
        folder: bytes | None = root
        while True:
            if folder is not None:
                try:
                    names = self._names(folder, entered)
                except OSError as error:
                    yield _failed(_path(folder), unreadable(_path(folder), error))
                else:
                    if names is not None:
                        levels.append((folder, iter(names)))
                    elif os.path.islink(folder):
                        yield ScanNote(_path(folder), "a link to a folder that is looked through anyway")
                folder = None
            if not levels:
                return
            parent, names = levels[-1]
            name = next(names, None)
            if name is None:
                levels.pop()
                continue
            path = os.path.join(parent, name)
            if name.startswith(b"."):
                yield ScanNote(_path(path.rstrip(b"/")), "hidden")
            elif name.endswith(b"/"):
                folder = path.rstrip(b"/")
            elif path not in self._named:
                yield path if is_audio_name(name) else ScanNote(_path(path), _NO_AUDIO)

    def _names(self, folder: bytes, entered: set[tuple[int, int]]) -> list[bytes] | None:
        """What lies in a folder, sorted; None if it was entered before. Names of folders end in a slash, which orders
        whole paths, too."""
        info = os.stat(folder)
        if (info.st_dev, info.st_ino) in entered:
            return None
        entered.add((info.st_dev, info.st_ino))
        names: list[bytes] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder = _is_folder(entry)
                names.append(entry.name + b"/" if is_folder else entry.name)
                self.linked_folders += is_folder and entry.is_symlink()
        names.sort()
        return names


def is_audio_name(name: bytes) -> bool:
    """Whether a file in a folder is tried; one that is named itself always is."""
    return os.path.splitext(name)[1].lower().decode(errors="replace") in AUDIO_SUFFIXES


def is_visible(path: Path, roots: Iterable[Path]) -> bool:
    """Whether a path is one of some folders, or lies below one and is not hidden there."""
    for root in roots:
        if path.is_relative_to(root) and not any(
            part.startswith(".") for part in path.relative_to(root).parts
        ):
            return True
    return False


def _look_at(name: bytes) -> Path | ScanNote:
    path = _path(name)
    try:
        check_regular(path)
    except DecodeError as error:
        return _failed(path, error)
    return path


def _failed(path: Path, error: DecodeError) -> ScanNote:
    return ScanNote(path, str(error), error.reason)


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _path(name: bytes) -> Path:
    return Path(os.fsdecode(name))
