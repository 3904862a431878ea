"""Clips that wait to be written: one transaction for many, soon enough that a kill costs little."""

import time

from indexer.catalog import Catalog
from indexer.records import Clip, ClipContent
from indexer.summary import Ledger

_COMMIT_SEGMENTS = 2048
_COMMIT_CLIPS = 10_000
_COMMIT_EVERY_S = 2.0


class PendingClips:
    """Collects what a run wants in the catalogue, and writes it."""

    def __init__(self, catalog: Catalog, ledger: Ledger) -> None:
        self.moved: set[str] = set()
        """Ids of clips whose new path is not written yet."""
        self._catalog = catalog
        self._ledger = ledger
        self._clips: list[tuple[Clip, ClipContent | None]] = []
        self._segments = 0
        self._written: list[str] = []
        self._last_commit = time.monotonic()

    def add(self, clip: Clip, content: ClipContent | None = None) -> None:
        """Take a clip; see ``Catalog.put`` for what content means."""
        self._clips.append((clip, content))
        if content is not None:
            self._segments += len(content.vectors)

    def commit_if_due(self) -> None:
        """Write, if there is much, or nothing was written for long."""
        is_due = time.monotonic() - self._last_commit > _COMMIT_EVERY_S
        if is_due or self._segments >= _COMMIT_SEGMENTS or len(self._clips) >= _COMMIT_CLIPS:
            self.commit()

    def commit(self) -> None:
        """Write all."""
        with self._ledger.stage("writing"):
            if self._clips:
                self._catalog.put(self._clips)
        self._written += [content.audio_sha256 for _, content in self._clips if content is not None]
        self._clips, self._segments = [], 0
        self.moved.clear()
        self._last_commit = time.monotonic()
        self._ledger.commit()

    def take_written(self) -> list[str]:
        """Which audio, by SHA-256, the catalogue knows since the last call."""
        written, self._written = self._written, []
        return written
