"""Indexes paths into a library: decides what to read, embeds windows in batches across files, commits often.

Rules, as users meet them:
- A clip is embedded only if its file is new or its content changed (size and time first, then SHA-256).
- A file that fails never stops the others. If it was indexed before and now cannot even be read, what was
  stored stays; if its content changed into something unusable, its old segments go, for they describe a sound
  that is no more.
- A clip whose file is gone from below the given paths becomes *missing*: kept in the catalogue, never
  returned by a search, and back without any embedding if the file returns (think of a disk that was not
  mounted).
- Failed files are tried again in every run.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import check_library_name, clip_id_of
from indexer.errors import DecodeError, DecodeReason, UnreadableFileError
from indexer.prefetch import ClipRead, ReadJob, WindowPlan, read_ahead
from indexer.records import Clip, ClipContent, ClipStatus
from indexer.scan import scan
from indexer.store import Store
from indexer.windows import Window

if TYPE_CHECKING:
    from model.retrieval_model import RetrievalModel

BATCH_WINDOWS = 16
_COMMIT_CLIPS = 32
_COMMIT_EVERY_S = 2.0


@dataclass(frozen=True)
class FileReport:
    """A path and what there is to say about it; ``code`` is machine-readable where a decoder gave it."""

    path: Path
    reason: str | None = None
    code: str | None = None


@dataclass
class IndexSummary:
    """What a run did with each file. ``searchable`` counts the library's clips that a search can now
    return."""

    library: str
    indexed: list[FileReport] = field(default_factory=list)
    unchanged: list[FileReport] = field(default_factory=list)
    skipped: list[FileReport] = field(default_factory=list)
    failed: list[FileReport] = field(default_factory=list)
    missing: list[FileReport] = field(default_factory=list)
    segments: int = 0
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    searchable: int = 0


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


def index_paths(
    store: Store,
    model: "RetrievalModel",
    *,
    library: str,
    paths: Iterable[Path],
    on_progress: Callable[[IndexProgress], None] = lambda progress: None,
) -> IndexSummary:
    """Bring a library of a store up to date with files and folders. ``store`` must be open for writing.

    Raises:
        InvalidLibraryNameError: the name cannot be used.
        StoreError: the disk is full, or the like. Bad files never raise; they are in the summary.
    """
    check_library_name(library)
    started = time.monotonic()
    run = _Run(store, model, library=library, on_progress=on_progress)
    run.do(list(paths))
    run.summary.elapsed_s = time.monotonic() - started
    return run.summary


class _Run:
    def __init__(
        self,
        store: Store,
        model: "RetrievalModel",
        *,
        library: str,
        on_progress: Callable[[IndexProgress], None],
    ) -> None:
        self.summary = IndexSummary(library)
        self._store = store
        self._model = model
        self._library = library
        self._on_progress = on_progress
        self._known = {clip.path: clip for clip in store.catalog.clips(library)}
        self._pending: list[tuple[Clip, ClipContent | None]] = []
        self._last_commit = time.monotonic()
        self._done = self._total = self._committed = 0

    def do(self, paths: list[Path]) -> None:
        found = scan(paths)
        self.summary.skipped = [FileReport(note.path, note.reason) for note in found.skipped]
        self.summary.failed = [FileReport(note.path, note.reason) for note in found.failed]
        self._total = len(found.candidates)
        self._mark_missing(found.roots)
        try:
            self._embed([job for path in found.candidates if (job := self._job_for(path)) is not None])
        finally:
            self._commit()  # Also when interrupted: what is embedded is kept.
        self._store.save_index()
        here = [item for item in self._store.catalog.libraries() if item.name == self._library]
        self.summary.searchable = here[0].clips if here else 0

    def _mark_missing(self, roots: list[Path]) -> None:
        """Roots that do not exist were left out of ``roots``: a disk that is not mounted loses nothing."""
        for path, clip in self._known.items():
            below = any(path == root or root in path.parents for root in roots)
            if below and clip.status is not ClipStatus.FAILED and _is_gone(path):
                self.summary.missing.append(FileReport(path, "file is gone"))
                if clip.status is ClipStatus.INDEXED:
                    self._pending.append((replace(clip, status=ClipStatus.MISSING), None))

    def _job_for(self, path: Path) -> ReadJob | None:
        """The work that a file needs, or None if a look at its size and time tells that it is unchanged."""
        known = self._known.get(path)
        if known is None or known.status is ClipStatus.FAILED:
            return ReadJob(path=path, known_sha256=None)
        try:
            info = os.stat(path)
        except OSError:
            return ReadJob(path=path, known_sha256=known.sha256)  # Reading it will tell what is wrong.
        if (info.st_size, info.st_mtime_ns) != (known.size_bytes, known.mtime_ns):
            return ReadJob(path=path, known_sha256=known.sha256)
        if known.status is ClipStatus.MISSING:
            self._pending.append((replace(known, status=ClipStatus.INDEXED), None))
        self._finish(FileReport(path), self.summary.unchanged)
        return None

    def _embed(self, jobs: list[ReadJob]) -> None:
        plan = WindowPlan(
            sample_rate_hz=self._model.sample_rate_hz,
            window=self._model.window_samples,
            hop=max(1, round(self._model.hop_s * self._model.sample_rate_hz)),
        )
        # FAISS and torch use all cores while embedding; on a machine with few, one thread reads fast enough.
        threads = max(1, min(4, (os.cpu_count() or 1) // 2))
        for read, windows, vectors in _embedded(read_ahead(jobs, plan, threads=threads), self._model):
            self._take(read, windows, vectors, rate_hz=plan.sample_rate_hz)
            if len(self._pending) >= _COMMIT_CLIPS or time.monotonic() - self._last_commit > _COMMIT_EVERY_S:
                self._commit()

    def _take(
        self,
        read: ClipRead,
        spans: list[tuple[int, int]],
        vectors: list[NDArray[np.float32]],
        *,
        rate_hz: int,
    ) -> None:
        path = read.job.path
        known = self._known.get(path)
        if read.unchanged and known is not None and read.facts is not None:
            times = {"size_bytes": read.facts.size_bytes, "mtime_ns": read.facts.mtime_ns}
            self._pending.append((replace(known, status=ClipStatus.INDEXED, **times), None))
            self._finish(FileReport(path), self.summary.unchanged)
            return
        error = read.error
        if error is None and not all(np.isfinite(vector).all() for vector in vectors):
            told = f"{str(path)!r} cannot be embedded: the model gives no finite vector for it."
            error = DecodeError(DecodeReason.NOT_EMBEDDABLE, told)
        if error is not None:
            self._fail(read, error)
            return
        content = ClipContent(spans_s=np.array(spans, np.float64) / rate_hz, vectors=np.stack(vectors))
        self._pending.append((self._clip(read, status=ClipStatus.INDEXED), content))
        self.summary.segments += len(vectors)
        self.summary.audio_s += read.duration_s
        self._finish(FileReport(path), self.summary.indexed)

    def _fail(self, read: ClipRead, error: DecodeError) -> None:
        known = self._known.get(read.job.path)
        keeps = (
            isinstance(error, UnreadableFileError)
            and known is not None
            and known.status is ClipStatus.INDEXED
        )
        if not keeps and error.reason is not DecodeReason.VANISHED:
            clip = self._clip(read, status=ClipStatus.FAILED)
            self._pending.append((replace(clip, reason_code=error.reason.value, reason=str(error)), None))
        self._finish(FileReport(read.job.path, str(error), error.reason.value), self.summary.failed)

    def _clip(self, read: ClipRead, *, status: ClipStatus) -> Clip:
        facts = read.facts
        return Clip(
            clip_id=clip_id_of(self._library, read.job.path),
            library=self._library,
            path=read.job.path,
            size_bytes=facts.size_bytes if facts else 0,
            mtime_ns=facts.mtime_ns if facts else 0,
            sha256=facts.sha256 if facts else "",
            duration_s=read.duration_s,
            source_rate_hz=read.source_rate_hz,
            status=status,
        )

    def _finish(self, report: FileReport, where: list[FileReport]) -> None:
        where.append(report)
        self._done += 1
        self._tell(report.path)

    def _commit(self) -> None:
        if self._pending:
            self._store.catalog.put(self._pending)
            self._pending = []
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


def _embedded(
    items: Iterator[Window | ClipRead], model: "RetrievalModel"
) -> Iterator[tuple[ClipRead, list[tuple[int, int]], list[NDArray[np.float32]]]]:
    """Embed windows in full batches across clips; yield each clip, in order, once all of its vectors are
    there."""
    spans: list[tuple[int, int]] = []  # Of the clip that is being read.
    waiting: list[
        tuple[ClipRead, list[tuple[int, int]]]
    ] = []  # Read to their end; some vectors may be still to come.
    batch: list[NDArray[np.float32]] = []
    vectors: list[NDArray[np.float32]] = []  # Not yet handed out, in order.

    def ready() -> Iterator[tuple[ClipRead, list[tuple[int, int]], list[NDArray[np.float32]]]]:
        while waiting and len(waiting[0][1]) <= len(vectors):
            read, own = waiting.pop(0)
            yield read, own, vectors[: len(own)]
            del vectors[: len(own)]

    for item in items:
        if isinstance(item, Window):
            spans.append((item.start, item.end))
            batch.append(item.samples)
            if len(batch) == BATCH_WINDOWS:
                vectors.extend(model.embed_audio(np.stack(batch)))
                batch = []
        else:
            waiting.append((item, spans))
            spans = []
        yield from ready()
    if batch:
        vectors.extend(model.embed_audio(np.stack(batch)))
    yield from ready()


def _is_gone(path: Path) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
