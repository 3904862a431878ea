"""Copies a prefix of an object store into a folder of the store, so that it is indexed like any other.

What has not changed there since the last time is not fetched again, and what is gone there goes here too. Some stores
tell neither sizes nor versions in their listings (web servers): so bytes are counted while they are copied, versions
are asked for file by file, and a file without one is fetched each time.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from indexer.description_tables import TABLE_NAMES
from indexer.scan import is_audio_name
from service.errors import SourceError
from service.job_sources import leads_up
from service.limits import MAX_MIRROR_BYTES

_STATE = ".mirror.json"
_PART = ".part"
_BLOCK_BYTES = 1024 * 1024
_TELLS_VERSIONS = (
    *("ETag", "etag", "md5Hash", "mtime", "LastModified", "created"),
    *("last_modified", "modified", "Last-Modified", "Content-MD5", "Digest"),
)


class _TooMuchError(Exception):
    """There is more than may be copied."""


def mirror(url: str, below: Path, *, check: Callable[[], None], most_bytes: int = MAX_MIRROR_BYTES) -> Path:
    """Bring the copy of ``url`` up to date and return its folder; ``check`` is called before each file.

    Raises SourceError.
    """
    try:
        import fsspec
    except ImportError as error:
        raise SourceError("Object stores need fsspec: pip install 'sonoglot[fsspec]'.") from error
    folder = below / hashlib.sha256(url.encode()).hexdigest()[:16]
    try:
        files, root = fsspec.url_to_fs(url)
        listing = files.find(root, detail=True)
        if not listing:  # As with a disk that is not mounted: what was copied before is not lost by it.
            raise SourceError(f"There is nothing there: {url!r}.")
        found = _found(listing, root)
        _check_size(found, most_bytes)
        _bring_up_to_date(files, found, folder, check=check, most_bytes=most_bytes)
    except _TooMuchError as error:
        raise SourceError(
            f"{url!r} holds more than {most_bytes / 1e9:.1f} GB of audio, the most that is copied. "
            "Name a longer prefix."
        ) from error
    except ImportError as error:
        raise SourceError(f"What fsspec needs for {url!r} is not installed: {error}.") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{url!r} cannot be copied: {error}.") from error
    return folder


def _found(listing: dict[str, dict[str, Any]], root: str) -> dict[str, dict[str, Any]]:
    """What is worth copying, by its path below the prefix."""
    found: dict[str, dict[str, Any]] = {}
    for name, facts in listing.items():
        path = name.removeprefix(root).lstrip("/") or PurePosixPath(name).name
        parts = path.split("/")
        is_plain = all(part and not part.startswith(".") and "\0" not in part for part in parts)
        if (
            is_plain
            and not leads_up(path)
            and (is_audio_name(os.fsencode(parts[-1])) or parts[-1] in TABLE_NAMES)
        ):
            found[path] = facts | {"name": name}
    return found


def _check_size(found: dict[str, dict[str, Any]], most_bytes: int) -> None:
    if sum(int(facts.get("size") or 0) for facts in found.values()) > most_bytes:
        raise _TooMuchError


def _bring_up_to_date(
    files: Any,
    found: dict[str, dict[str, Any]],
    folder: Path,
    *,
    check: Callable[[], None],
    most_bytes: int,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    held = _read_state(folder)
    for path in sorted(held.keys() - found.keys()):
        (folder / path).unlink(missing_ok=True)
        del held[path]
    _write_state(folder, held)
    room_bytes = most_bytes
    try:
        for path, facts in sorted(found.items()):
            check()
            version = _version(facts) or _version(files.info(facts["name"]))
            if version is None or held.get(path) != version or not (folder / path).is_file():
                held[path] = None  # until it is there
                _fetch(files, facts["name"], folder / path, most_bytes=room_bytes)
                held[path] = version
            room_bytes -= (folder / path).stat().st_size
    finally:
        _write_state(folder, held)  # Also when interrupted: the next time goes on.


def _fetch(files: Any, name: str, to: Path, *, most_bytes: int) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{hashlib.sha256(to.name.encode()).hexdigest()[:16]}{_PART}")
    room_bytes = most_bytes
    try:
        with files.open(name, "rb") as source, open(part, "wb") as copy:
            while block := source.read(_BLOCK_BYTES):
                room_bytes -= len(block)
                if room_bytes < 0:
                    raise _TooMuchError
                copy.write(block)
        os.replace(part, to)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _version(facts: dict[str, Any]) -> str | None:
    """What changes with a file: its size, and what the store says beside it; None if that is nothing."""
    told = [str(facts[key]) for key in _TELLS_VERSIONS if facts.get(key) is not None]
    return json.dumps([str(facts.get("size")), *told]) if told else None


def _read_state(folder: Path) -> dict[str, str | None]:
    try:
        return json.loads((folder / _STATE).read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _write_state(folder: Path, held: dict[str, str | None]) -> None:
    part = folder / (_STATE + _PART)
    part.write_text(json.dumps(held), "utf-8")
    os.replace(part, folder / _STATE)
