"""Finds the audio files below the given paths, in a fixed order, surviving whatever a file system may
hold."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indexer.errors import DecodeError, DecodeReason
from indexer.opening import check_regular, unreadable

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


@dataclass(frozen=True)
class ScanNote:
    """A path that is no candidate, and why: for people, and where it failed also for programs."""

    path: Path
    reason: str
    code: DecodeReason | None = None


@dataclass
class ScanResult:
    """``candidates`` to decode, ``skipped`` as not audio, and ``failed`` folders or paths that could not be
    read."""

    candidates: list[Path] = field(default_factory=list)
    skipped: list[ScanNote] = field(default_factory=list)
    failed: list[ScanNote] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)


def scan(paths: Iterable[Path]) -> ScanResult:
    """Look for audio in files and, recursively, in folders. Never raises for what it finds.

    Paths become absolute, each appears once, and the order depends on names alone. Hidden files and folders
    are left out (counted as skipped), symbolic links are followed, and a folder is entered once however many
    links lead to it.
    """
    result = ScanResult()
    seen_folders: set[tuple[int, int]] = set()
    seen_files: set[Path] = set()
    for given in paths:
        root = Path(os.path.abspath(given))
        try:
            mode = os.stat(root).st_mode
        except (OSError, ValueError) as error:
            _fail(root, unreadable(root, error), result)
            continue
        result.roots.append(root)
        if not stat.S_ISDIR(mode):
            _take_file(root, result, seen_files)
            continue
        for path in _walk(root, result, seen_folders):
            if path.suffix.lower() not in AUDIO_SUFFIXES:
                result.skipped.append(ScanNote(path, "not an audio file (by its suffix)"))
                continue
            _take_file(path, result, seen_files)
    result.candidates.sort(key=os.fsencode)
    return result


def _take_file(path: Path, result: ScanResult, seen: set[Path]) -> None:
    if path in seen:
        return
    seen.add(path)
    try:
        check_regular(path)
    except DecodeError as error:
        _fail(path, error, result)
    else:
        result.candidates.append(path)


def _fail(path: Path, error: DecodeError, result: ScanResult) -> None:
    result.failed.append(ScanNote(path, str(error), error.reason))


def _walk(folder: Path, result: ScanResult, seen: set[tuple[int, int]]) -> Iterator[Path]:
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            info = os.stat(current)
            if (info.st_dev, info.st_ino) in seen:
                if current.is_symlink():
                    result.skipped.append(
                        ScanNote(current, "a link to a folder that is looked through anyway")
                    )
                continue
            seen.add((info.st_dev, info.st_ino))
            with os.scandir(current) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            _fail(current, unreadable(current, error), result)
            continue
        for entry in found:
            path = current / entry.name
            if entry.name.startswith("."):
                result.skipped.append(ScanNote(path, "hidden"))
            elif _is_folder(entry):
                pending.append(path)
            else:
                yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
