"""Finds the audio files below the given paths, in a fixed order, surviving whatever a file system may
hold."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

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
    """A path that is no candidate, and why."""

    path: Path
    reason: str


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
            result.failed.append(ScanNote(root, _cause(error)))
            continue
        result.roots.append(root)
        if not stat.S_ISDIR(mode):
            _take_file(root, result, seen_files, mode=mode)
            continue
        for path in _walk(root, result, seen_folders):
            if path.suffix.lower() not in AUDIO_SUFFIXES:
                result.skipped.append(ScanNote(path, "not an audio file (by its suffix)"))
                continue
            _take_file(path, result, seen_files)
    result.candidates.sort(key=os.fsencode)
    return result


def _take_file(path: Path, result: ScanResult, seen: set[Path], *, mode: int | None = None) -> None:
    if path in seen:
        return
    seen.add(path)
    try:
        mode = os.stat(path).st_mode if mode is None else mode
    except OSError as error:
        result.failed.append(ScanNote(path, _cause(error)))
        return
    if stat.S_ISREG(mode):
        result.candidates.append(path)
    else:
        result.failed.append(ScanNote(path, "not a regular file"))


def _walk(folder: Path, result: ScanResult, seen: set[tuple[int, int]]) -> Iterator[Path]:
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            info = os.stat(current)
            if (info.st_dev, info.st_ino) in seen:
                continue
            seen.add((info.st_dev, info.st_ino))
            with os.scandir(current) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            result.failed.append(ScanNote(current, f"folder cannot be read: {_cause(error)}"))
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


def _cause(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
