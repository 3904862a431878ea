"""What becomes of one file after it was read: new, a copy, moved, unchanged after all, or failed.

Looks each clip up in the catalogue when it is needed, and holds only those that are being read.
"""

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.catalog import Catalog
from indexer.description_tables import NOTHING_TOLD, Told
from indexer.embedding import EmbeddedClip
from indexer.errors import DecodeError, DecodeReason, UnreadableFileError
from indexer.pending import PendingClips
from indexer.reading import ClipRead, FileFacts
from indexer.records import Clip, ClipContent, ClipStatus
from indexer.summary import FileReport, FileState, Ledger

_SAME_FILES_HELD = 4_096
"""More than can be between reading and writing at one time."""

_SAME_FILES_LOOKED_AT = 1_000
"""So many identical files of a library are looked at for the one that moved. Were it all, a folder of a hundred
thousand copies would take ten thousand million looks."""


class Outcomes:
    """Decides on files of one library, and tells the ledger and the pending clips."""

    def __init__(self, catalog: Catalog, library: str, *, ledger: Ledger, pending: PendingClips) -> None:
        self._catalog = catalog
        self._library = library
        self._ledger = ledger
        self._pending = pending
        self._reading: dict[Path, Clip] = {}
        """What the catalogue holds at paths that are being read."""
        self._told: dict[Path, Told] = {}
        """What tables say of files that are being read."""
        self._same: dict[str, Clip] = {}
        """By SHA-256, a clip with the same file as one that is therefore not decoded. Held because a run may
        change that clip before the file's turn comes."""
        self._same_lock = threading.Lock()

    def expect(self, path: Path, known: Clip | None, told: Told) -> None:
        """A file is about to be read; the catalogue holds this clip at its path, and tables say this of it."""
        if known is not None:
            self._reading[path] = known
        if told is not NOTHING_TOLD:
            self._told[path] = told

    def is_known(self, facts: FileFacts) -> bool:
        """Whether the catalogue has the content of a file with these bytes. Called from several threads."""
        same = self._catalog.clips_with_content(facts.sha256, most=1)
        if same:
            with self._same_lock:
                self._same[facts.sha256] = same[0]
                while len(self._same) > _SAME_FILES_HELD:
                    del self._same[next(iter(self._same))]
        return bool(same)

    def take(self, clip: EmbeddedClip, *, rate_hz: int) -> None:
        """Decide on a clip that was read; ``rate_hz`` is the rate of the samples that its spans count."""
        read = clip.read
        self._ledger.summary.stages_s["decoding"] += read.read_s
        if read.error is not None:
            self._fail(read, read.error)
        elif read.is_known:
            self._take_known(read)
        elif clip.vectors is None:
            self._put_copy(replace(self._clip(read), content_id=clip.content_id))
        elif not np.isfinite(clip.vectors).all():
            told = f"{str(read.job.path)!r} cannot be embedded: the model gives no finite vector for it."
            self._fail(read, DecodeError(DecodeReason.NOT_EMBEDDABLE, told))
        else:
            self._put_new(read, clip, rate_hz=rate_hz)
        self._reading.pop(read.job.path, None)
        self._told.pop(read.job.path, None)

    def _put_new(self, read: ClipRead, clip: EmbeddedClip, *, rate_hz: int) -> None:
        assert clip.vectors is not None
        content = ClipContent(
            audio_sha256=read.audio_sha256,
            spans_s=np.array(clip.spans, np.float64) / rate_hz,
            vectors=clip.vectors,
        )
        self._pending.add(self._clip(read), content)
        summary = self._ledger.summary
        summary.copies += clip.is_twin
        if not clip.is_twin:
            summary.segments += len(clip.vectors)
            summary.audio_s += read.duration_s
        self._ledger.finish(FileState.INDEXED, FileReport(read.job.path))

    def _take_known(self, read: ClipRead) -> None:
        path, facts = read.job.path, read.facts
        assert facts is not None
        times = {"size_bytes": facts.size_bytes, "mtime_ns": facts.mtime_ns}
        known = self._reading.get(path)
        if known is not None and known.sha256 == facts.sha256 and known.status is not ClipStatus.FAILED:
            self._pending.add(replace(self._described(known, read), status=ClipStatus.INDEXED, **times))
            self._ledger.finish(FileState.UNCHANGED, FileReport(path))
            return
        gone = self._moved_away(facts.sha256) if known is None else None
        if gone is not None:
            self._pending.moved.add(gone.clip_id)
            clip = self._described(gone, read)
            self._pending.add(replace(clip, path=path, status=ClipStatus.INDEXED, **times))
            self._ledger.summary.moved += 1
            told = f"moved from {str(gone.path)!r}"
            self._ledger.finish(FileState.UNCHANGED, FileReport(path, told))
            return
        with self._same_lock:
            same = self._same[facts.sha256]
        facts_of_same = replace(read, duration_s=same.duration_s, source_rate_hz=same.source_rate_hz)
        self._put_copy(replace(self._clip(facts_of_same), content_id=same.content_id))

    def _moved_away(self, sha256: str) -> Clip | None:
        """A clip of the library with this file whose path is empty now."""
        same = self._catalog.clips_with_content(sha256, library=self._library, most=_SAME_FILES_LOOKED_AT)
        for clip in same:
            if clip.clip_id not in self._pending.moved and is_gone(clip.path):
                return clip
        return None

    def _put_copy(self, clip: Clip) -> None:
        self._pending.add(clip)
        self._ledger.summary.copies += 1
        self._ledger.finish(FileState.INDEXED, FileReport(clip.path))

    def _fail(self, read: ClipRead, error: DecodeError) -> None:
        known = self._reading.get(read.job.path)
        keeps = (
            isinstance(error, UnreadableFileError)
            and known is not None
            and known.status is ClipStatus.INDEXED
        )
        if not keeps and error.reason is not DecodeReason.VANISHED:
            told = {"reason_code": error.reason.value, "reason": str(error)}
            self._pending.add(replace(self._clip(read), status=ClipStatus.FAILED, **told))
        self._ledger.finish(FileState.FAILED, FileReport(read.job.path, str(error), error.reason.value))

    def _described(self, clip: Clip, read: ClipRead) -> Clip:
        told = self._told.get(read.job.path, NOTHING_TOLD)
        return replace(clip, found_description=told.over(read.description), file_description=read.description)

    def _clip(self, read: ClipRead) -> Clip:
        facts, path = read.facts, read.job.path
        known = self._reading.get(path)
        clip = Clip(
            clip_id=known.clip_id if known else self._catalog.new_clip_id(self._library, path),
            library=self._library,
            path=path,
            size_bytes=facts.size_bytes if facts else 0,
            mtime_ns=facts.mtime_ns if facts else 0,
            sha256=facts.sha256 if facts else "",
            duration_s=read.duration_s,
            source_rate_hz=read.source_rate_hz,
            status=ClipStatus.INDEXED,
        )
        return self._described(clip, read)


def is_gone(path: Path | bytes) -> bool:
    """Whether there certainly is nothing at a path; False where that cannot be told."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
