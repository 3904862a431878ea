"""Copies a prefix of an object store into a folder of the store, so that it is indexed like any other.

What has not changed there since the last time is not fetched again, and what is gone there goes here too.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from indexer.description_tables import TABLE_NAMES
from indexer.scan import is_audio_name
from service.errors import SourceError
from service.limits import MAX_MIRROR_BYTES

_STATE = ".mirror.json"
_PART = ".part"


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
        _check_size(url, found, most_bytes)
        _bring_up_to_date(files, found, folder, check=check)
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
        if is_plain and (is_audio_name(os.fsencode(parts[-1])) or parts[-1] in TABLE_NAMES):
            found[path] = facts | {"name": name}
    return found


def _check_size(url: str, found: dict[str, dict[str, Any]], most_bytes: int) -> None:
    size = sum(int(facts.get("size") or 0) for facts in found.values())
    if size > most_bytes:
        raise SourceError(
            f"{url!r} holds {size / 1e9:.1f} GB of audio; {most_bytes / 1e9:.1f} GB is the most that is copied. "
            "Name a longer prefix."
        )


def _bring_up_to_date(
    files: Any, found: dict[str, dict[str, Any]], folder: Path, *, check: Callable[[], None]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    held = _read_state(folder)
    for path in sorted(held.keys() - found.keys()):
        (folder / path).unlink(missing_ok=True)
        del held[path]
    _write_state(folder, held)
    try:
        for path, facts in sorted(found.items()):
            check()
            version = _version(facts)
            if held.get(path) == version and (folder / path).is_file():
                continue
            held.pop(path, None)
            _fetch(files, facts["name"], folder / path)
            held[path] = version
    finally:
        _write_state(folder, held)  # Also when interrupted: the next time goes on.


def _fetch(files: Any, name: str, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{hashlib.sha256(to.name.encode()).hexdigest()[:16]}{_PART}")
    with files.open(name, "rb") as source, open(part, "wb") as copy:
        shutil.copyfileobj(source, copy, 1024 * 1024)
    os.replace(part, to)


def _version(facts: dict[str, Any]) -> str:
    """What changes with a file: its size, and whatever the store says beside it."""
    told = (facts.get(key) for key in ("size", "ETag", "etag", "md5Hash", "mtime", "LastModified", "created"))
    return json.dumps([str(value) for value in told if value is not None])


def _read_state(folder: Path) -> dict[str, str]:
    try:
        return json.loads((folder / _STATE).read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _write_state(folder: Path, held: dict[str, str]) -> None:
    part = folder / (_STATE + _PART)
    part.write_text(json.dumps(held), "utf-8")
    os.replace(part, folder / _STATE)
