"""Paths that changed, held until they have come to rest, so that no file is read while it is being written.

Knows nothing of how changes are noticed, and is told the time: see ``watching``.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MOST_PATHS = 10_000
"""With more, everything is looked through instead, so that memory stays bounded whatever happens on the disk."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What may have changed: these files and folders, or anything (None). ``restless`` paths still change, and
    are to be left alone; they come again."""

    paths: frozenset[Path] | None
    restless: frozenset[Path] = frozenset()


class Settling:
    """Collects changed paths; each is due when its size and time stayed the same for ``settle_s``."""

    def __init__(self, *, settle_s: float) -> None:
        self._settle_s = settle_s
        self._held: dict[Path, tuple[object, float]] = {}
        """How each path looked, and since when."""
        self._anything_since: float | None = None

    def add(self, paths: Iterable[Path], *, now: float) -> None:
        """These changed just now."""
        for path in paths:
            self._held.pop(path, None)  # The newest last, so that of too many those still written are kept.
            self._held[path] = (_look(path), now)
        if len(self._held) > _MOST_PATHS:
            self.add_anything(now=now)
            for path in list(self._held)[: len(self._held) - _MOST_PATHS]:
                del self._held[path]

    def add_anything(self, *, now: float) -> None:
        """Something changed, and nobody knows what."""
        if self._anything_since is None:
            self._anything_since = now

    def due(self, *, now: float, anything: bool = False) -> Changes | None:
        """What has come to rest since the last call; None if nothing has. ``anything`` asks for all at once."""
        rested = {path for path in list(self._held) if self._rests(path, now)}
        for path in rested:
            del self._held[path]
        restless = frozenset(self._held)
        since = self._anything_since
        if anything or (since is not None and now - since >= self._settle_s):
            self._anything_since = None
            return Changes(paths=None, restless=restless)
        return Changes(paths=frozenset(rested), restless=restless) if rested else None

    def _rests(self, path: Path, now: float) -> bool:
        look, since = self._held[path]
        if now - since < self._settle_s:
            return False
        now_looks = _look(path)
        if now_looks != look:
            self._held[path] = (now_looks, now)
            return False
        return True


def _look(path: Path) -> object:
    try:
        info = os.stat(path)
    except OSError as error:
        return error.errno
    return info.st_ino, info.st_size, info.st_mtime_ns
