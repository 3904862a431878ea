"""Brings a library up to date with paths: reads, decodes, embeds, writes, each stage timed.

Rules, as users meet them:
- A clip is embedded only if its audio is new: size and time first, then the file's SHA-256, then that of the decoded
  samples. Copies share what was embedded once, and a file that moved keeps its clip.
- A file that fails never stops the others. If it was indexed before and now cannot even be read, what was
  stored stays; if its content changed into something unusable, its old segments go, for they describe a sound
  that is no more. A failed file is tried again when it changed, when the reason may have passed, or when asked.
- A clip whose file is gone from below the given paths becomes *missing*: kept in the catalogue, never
  returned by a search, and back without any embedding if the file returns (think of a disk that was not
  mounted).
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.catalog import check_library_name
from indexer.description import NOTHING, Description
from indexer.description_tables import TABLE_NAMES, DescriptionTables
from indexer.embedding import EmbeddedClip, WindowEmbedder
from indexer.errors import DecodeError, DecodeReason, UnreadableFileError
from indexer.prefetch import read_ahead
from indexer.reading import ClipRead, FileFacts, ReadJob, WindowPlan
from indexer.records import Clip, ClipContent, ClipStatus, IndexRun
from indexer.scan import scan
from indexer.store import Store
from model.audio_embedder import AudioEmbedder

if TYPE_CHECKING:
    from model.retrieval_model import RetrievalModel

_COMMIT_SEGMENTS = 2048
_COMMIT_EVERY_S = 2.0
_COMMIT_CLIPS = 10_000
_MAY_PASS = {
    DecodeReason.UNREADABLE,
    DecodeReason.VANISHED,
    DecodeReason.CHANGED_WHILE_READING,
    DecodeReason.DECODER_CRASHED,
    DecodeReason.DECODER_HUNG,
    DecodeReason.TOO_DEMANDING,
}


class FileState(StrEnum):
    """What became of a path in a run."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True)
class FileReport:
    """A path and what there is to say about it; ``code`` is machine-readable where a decoder gave it."""

    path: Path
    reason: str | None = None
    code: str | None = None


@dataclass
class IndexSummary:
    """What a run did with each file. ``searchable`` counts the library's clips that a search can now return.

    ``moved`` files and those ``redescribed`` by a table are among ``unchanged``, ``copies`` of audio that was embedded
    before among ``indexed``.
    ``stages_s``: seconds of scanning, decoding (of all processes), waiting for decoded audio, writing the
    catalogue, and publishing the index; what is left of ``elapsed_s`` is embedding.
    """

    library: str
    indexed: list[FileReport] = field(default_factory=list)
    unchanged: list[FileReport] = field(default_factory=list)
    skipped: list[FileReport] = field(default_factory=list)
    failed: list[FileReport] = field(default_factory=list)
    missing: list[FileReport] = field(default_factory=list)
    moved: int = 0
    redescribed: int = 0
    copies: int = 0
    segments: int = 0
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    searchable: int = 0
    stages_s: dict[str, float] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Files by state."""
        return {state.value: len(getattr(self, state.value)) for state in FileState}


@dataclass(frozen=True, kw_only=True)
class IndexProgress:
    """Sent after each file, and with ``path`` None after each commit; ``audio_s`` counts newly embedded
    audio.

    What is counted in ``committed`` survives whatever happens next.
    """

    done: int
    total: int
    committed: int
    audio_s: float
    path: Path | None


OnReport = Callable[[FileState, FileReport], None]


def index_paths(
    store: Store,
    model: "RetrievalModel",
    *,
    library: str,
    paths: Iterable[Path],
    retry_failed: bool = False,
    on_progress: Callable[[IndexProgress], None] = lambda progress: None,
    on_report: OnReport = lambda state, report: None,
) -> IndexSummary:
    """Bring a library of a store up to date with files and folders. ``store`` must be open for writing.

    ``retry_failed`` tries failed files again even if they have not changed. ``on_report`` hears of every path,
    as soon as it is decided.

    Raises:
        InvalidLibraryNameError: the name cannot be used.
        StoreError: the disk is full, or the like. Bad files never raise; they are in the summary.
    """
    check_library_name(library)
    run = _Run(store, model, library=library, on_progress=on_progress, on_report=on_report)
    return run.timed(lambda: run.bring_up_to_date(list(paths), retry_failed=retry_failed))


def index_failed(
    store: Store,
    model: "RetrievalModel",
    *,
    library: str,
    on_progress: Callable[[IndexProgress], None] = lambda progress: None,
    on_report: OnReport = lambda state, report: None,
) -> IndexSummary:
    """Try the failed files of a library again, and nothing else; LibraryNotFoundError without it."""
    store.catalog.library(library)
    run = _Run(store, model, library=library, on_progress=on_progress, on_report=on_report)
    return run.timed(run.try_failed)


class _Run:
    def __init__(
        self,
        store: Store,
        model: "RetrievalModel",
        *,
        library: str,
        on_progress: Callable[[IndexProgress], None],
        on_report: OnReport,
    ) -> None:
        self.summary = IndexSummary(library, stages_s=dict.fromkeys(_STAGES, 0.0))
        self._store = store
        self._model = model
        self._library = library
        self._on_progress = on_progress
        self._on_report = on_report
        self._known = {clip.path: clip for clip in store.catalog.clips(library)}
        self._tables = DescriptionTables()
        self._told: dict[Path, Description] = {}
        """What tables say of the files that are to be read."""
        self._same_files: dict[str, list[Clip]] = {}  # By SHA-256, of new files that need no decoding.
        self._moved: set[str] = set()
        self._pending: list[tuple[Clip, ClipContent | None]] = []
        self._pending_segments = 0
        self._last_commit = time.monotonic()
        self._done = self._total = self._committed = 0

    def timed(self, work: Callable[[], None]) -> IndexSummary:
        """Do the work, publish it, and keep what the run did."""
        started, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        work()
        self._store.catalog.forget_unused()
        with _Stage(self.summary.stages_s, "publishing"):
            self._store.save_index()
        here = [item for item in self._store.catalog.libraries() if item.name == self._library]
        self.summary.searchable = here[0].clips if here else 0
        self.summary.elapsed_s = time.monotonic() - started
        if here:
            self._store.catalog.put_run(
                IndexRun(
                    library=self._library,
                    started_at=started_at,
                    elapsed_s=self.summary.elapsed_s,
                    counts=self.summary.counts(),
                    stages_s=self.summary.stages_s,
                )
            )
        return self.summary

    def bring_up_to_date(self, paths: list[Path], *, retry_failed: bool) -> None:
        with _Stage(self.summary.stages_s, "scanning"):
            found = scan(paths)
        for note in found.skipped:
            if note.path.name not in TABLE_NAMES:
                self._report(FileState.SKIPPED, FileReport(note.path, note.reason))
        for note in found.failed:
            self._report(FileState.FAILED, FileReport(note.path, note.reason))
        self._total = len(found.candidates)
        try:
            self._mark_missing(found.roots)
            jobs = [self._job_for(path, retry_failed=retry_failed) for path in found.candidates]
            self._report_tables([note.path for note in found.skipped if note.path.name in TABLE_NAMES])
            self._embed([job for job in jobs if job is not None])
        finally:
            self._commit()  # Also when interrupted: what is embedded is kept.

    def try_failed(self) -> None:
        failed = [path for path, clip in self._known.items() if clip.status is ClipStatus.FAILED]
        self._total = len(failed)
        try:
            self._told = {path: self._tables.about(path) for path in failed}
            self._embed([ReadJob(path=path, known_sha256=None) for path in failed])
        finally:
            self._commit()

    def _report_tables(self, scanned: list[Path]) -> None:
        """Say of each table below the given paths, and of those above that describe files, what it was good for."""
        read = {table.path: table for table in self._tables.read}
        for path in sorted({*scanned, *(table.path for table in read.values() if table.was_used)}):
            report = FileReport(path, "describes the files around it")
            if path in read and read[path].bad_lines:
                told = f"{read[path].bad_lines} of its lines cannot be used: {'; '.join(read[path].problems)}"
                report = FileReport(path, told, "bad_table_lines")
            self._report(FileState.SKIPPED, report)

    def _mark_missing(self, roots: list[Path]) -> None:
        """Roots that do not exist were left out of ``roots``: a disk that is not mounted loses nothing."""
        for path, clip in self._known.items():
            below = any(path == root or root in path.parents for root in roots)
            if below and clip.status is not ClipStatus.FAILED and _is_gone(path):
                self._report(FileState.MISSING, FileReport(path, "file is gone"))
                if clip.status is ClipStatus.INDEXED:
                    self._pending.append((replace(clip, status=ClipStatus.MISSING), None))

    def _job_for(self, path: Path, *, retry_failed: bool) -> ReadJob | None:
        """The work that a file needs, or None if a look at its size and time tells that it is unchanged."""
        known, told = self._known.get(path), self._tables.about(path)
        if told is not NOTHING:
            self._told[path] = told
        if known is None:
            return ReadJob(path=path, known_sha256=None)
        failed = known.status is ClipStatus.FAILED
        job = ReadJob(path=path, known_sha256=None if failed else known.sha256)
        try:
            info = os.stat(path)
        except OSError:
            return job  # Reading it will tell what is wrong.
        if (info.st_size, info.st_mtime_ns) != (known.size_bytes, known.mtime_ns):
            return job
        if failed:
            if retry_failed or known.reason_code in _MAY_PASS:
                return job
            self._finish(FileState.FAILED, FileReport(path, known.reason, known.reason_code))
            return None
        self._told.pop(path, None)
        description = told.over(known.file_description)
        self.summary.redescribed += description != known.description
        if known.status is ClipStatus.MISSING or description != known.description:
            self._pending.append((replace(known, status=ClipStatus.INDEXED, description=description), None))
            if len(self._pending) >= _COMMIT_CLIPS:
                self._commit()
        self._finish(FileState.UNCHANGED, FileReport(path))
        return None

    def _embed(self, jobs: list[ReadJob]) -> None:
        if not jobs:
            return
        plan = WindowPlan(
            sample_rate_hz=self._model.sample_rate_hz,
            window=self._model.window_samples,
            hop=max(1, round(self._model.hop_s * self._model.sample_rate_hz)),
        )
        catalog = self._store.catalog
        # The encoder has the other cores; decoding takes a small part of its time.
        processes = max(1, min(16, len(jobs) // 4, (os.cpu_count() or 1) // 2))
        with AudioEmbedder(self._model) as embedder:
            windows = WindowEmbedder(embedder, content_id=catalog.content_id)
            reads = read_ahead(jobs, plan, processes=processes, is_known=self._is_known)
            try:
                for clip in windows.embed(reads):
                    self._take(clip, rate_hz=plan.sample_rate_hz)
                    is_due = time.monotonic() - self._last_commit > _COMMIT_EVERY_S
                    if is_due or self._pending_segments >= _COMMIT_SEGMENTS:
                        for content in (content for _, content in self._pending if content is not None):
                            windows.forget(content.audio_sha256)
                        self._commit()
            finally:
                reads.close()  # Also when interrupted: stops the decoding processes.
                self.summary.stages_s["waiting"] += windows.waited_s

    def _is_known(self, facts: FileFacts) -> bool:
        same = self._store.catalog.clips_with_content(facts.sha256)
        if same:
            self._same_files[facts.sha256] = same
        return bool(same)

    def _take(self, clip: EmbeddedClip, *, rate_hz: int) -> None:
        read = clip.read
        self.summary.stages_s["decoding"] += read.read_s
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

    def _put_new(self, read: ClipRead, clip: EmbeddedClip, *, rate_hz: int) -> None:
        assert clip.vectors is not None
        content = ClipContent(
            audio_sha256=read.audio_sha256,
            spans_s=np.array(clip.spans, np.float64) / rate_hz,
            vectors=clip.vectors,
        )
        self._pending.append((self._clip(read), content))
        self._pending_segments += len(clip.vectors)
        self.summary.copies += clip.is_twin
        if not clip.is_twin:
            self.summary.segments += len(clip.vectors)
            self.summary.audio_s += read.duration_s
        self._finish(FileState.INDEXED, FileReport(read.job.path))

    def _take_known(self, read: ClipRead) -> None:
        path, facts = read.job.path, read.facts
        assert facts is not None
        times = {"size_bytes": facts.size_bytes, "mtime_ns": facts.mtime_ns}
        known = self._known.get(path)
        if known is not None and known.sha256 == facts.sha256:
            clip = self._described(known, read)
            self._pending.append((replace(clip, status=ClipStatus.INDEXED, **times), None))
            self._finish(FileState.UNCHANGED, FileReport(path))
            return
        same = self._same_files[facts.sha256]
        gone = [clip for clip in same if known is None and self._has_moved(clip)]
        if gone:
            self._moved.add(gone[0].clip_id)
            self.summary.moved += 1
            self.summary.missing = [item for item in self.summary.missing if item.path != gone[0].path]
            clip = self._described(gone[0], read)
            self._pending.append((replace(clip, path=path, status=ClipStatus.INDEXED, **times), None))
            self._finish(FileState.UNCHANGED, FileReport(path, f"moved from {str(gone[0].path)!r}"))
            return
        facts_of_same = replace(read, duration_s=same[0].duration_s, source_rate_hz=same[0].source_rate_hz)
        self._put_copy(replace(self._clip(facts_of_same), content_id=same[0].content_id))

    def _has_moved(self, clip: Clip) -> bool:
        return clip.library == self._library and clip.clip_id not in self._moved and _is_gone(clip.path)

    def _put_copy(self, clip: Clip) -> None:
        self._pending.append((clip, None))
        self.summary.copies += 1
        self._finish(FileState.INDEXED, FileReport(clip.path))

    def _fail(self, read: ClipRead, error: DecodeError) -> None:
        known = self._known.get(read.job.path)
        keeps = (
            isinstance(error, UnreadableFileError)
            and known is not None
            and known.status is ClipStatus.INDEXED
        )
        if not keeps and error.reason is not DecodeReason.VANISHED:
            told = {"reason_code": error.reason.value, "reason": str(error)}
            self._pending.append((replace(self._clip(read), status=ClipStatus.FAILED, **told), None))
        self._finish(FileState.FAILED, FileReport(read.job.path, str(error), error.reason.value))

    def _described(self, clip: Clip, read: ClipRead) -> Clip:
        told = self._told.get(read.job.path, NOTHING)
        return replace(clip, description=told.over(read.description), file_description=read.description)

    def _clip(self, read: ClipRead) -> Clip:
        facts, path = read.facts, read.job.path
        known = self._known.get(path)
        clip = Clip(
            clip_id=known.clip_id if known else self._store.catalog.new_clip_id(self._library, path),
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

    def _report(self, state: FileState, report: FileReport) -> None:
        getattr(self.summary, state.value).append(report)
        self._on_report(state, report)

    def _finish(self, state: FileState, report: FileReport) -> None:
        self._report(state, report)
        self._done += 1
        self._tell(report.path)

    def _commit(self) -> None:
        with _Stage(self.summary.stages_s, "writing"):
            if self._pending:
                self._store.catalog.put(self._pending)
                self._pending, self._pending_segments = [], 0
        self._last_commit = time.monotonic()
        self._committed = self._done
        self._tell(None)

    def _tell(self, path: Path | None) -> None:
        self._on_progress(
            IndexProgress(
                done=self._done,
                total=self._total,
                committed=self._committed,
                audio_s=self.summary.audio_s,
                path=path,
            )
        )


_STAGES = ("scanning", "decoding", "waiting", "writing", "publishing")


class _Stage:
    """Adds the time of a ``with`` block to a stage."""

    def __init__(self, stages_s: dict[str, float], name: str) -> None:
        self._stages_s, self._name = stages_s, name

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._stages_s[self._name] += time.monotonic() - self._started


def _is_gone(path: Path) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
