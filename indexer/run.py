"""One run of indexing: from a scan to the catalogue, a portion of files at a time, so that memory stays flat."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.description import Description
from indexer.description_tables import TABLE_NAMES, DescriptionTables
from indexer.embedding import WindowEmbedder
from indexer.errors import DecodeReason
from indexer.outcome import Outcomes, is_gone
from indexer.paths import path_from_bytes
from indexer.pending import PendingClips
from indexer.prefetch import read_ahead
from indexer.reading import ReadJob, WindowPlan
from indexer.records import Clip, ClipStatus, PlacedClip
from indexer.scan import Portion, Scan
from indexer.store import Store
from indexer.summary import FileReport, FileState, Ledger
from model.audio_embedder import AudioEmbedder

if TYPE_CHECKING:
    from model.retrieval_model import RetrievalModel

_JOBS_A_PROCESS = 4
_MOST_PROCESSES = 16
_MAY_PASS = {
    DecodeReason.UNREADABLE,
    DecodeReason.NO_PERMISSION,
    DecodeReason.DANGLING_LINK,
    DecodeReason.LINK_CIRCLE,
    DecodeReason.VANISHED,
    DecodeReason.CHANGED_WHILE_READING,
    DecodeReason.DECODER_CRASHED,
    DecodeReason.DECODER_HUNG,
    DecodeReason.TOO_DEMANDING,
}


class Run:
    """Brings a library of a store up to date; made once for each run."""

    def __init__(self, store: Store, model: "RetrievalModel", *, library: str, ledger: Ledger) -> None:
        self._catalog = store.catalog
        self._model = model
        self._library = library
        self._ledger = ledger
        self._leave: frozenset[Path] = frozenset()
        self._pending = PendingClips(store.catalog, ledger)
        self._tables = DescriptionTables()
        self._scanned_tables: set[Path] = set()
        self._outcomes = Outcomes(store.catalog, library, ledger=ledger, pending=self._pending)

    def bring_up_to_date(
        self, scan: Scan, *, gone_below: Iterable[Path], retry_failed: bool, leave: Collection[Path] = ()
    ) -> None:
        """Take in what a scan finds, but for files to leave; what is gone from below some paths becomes missing."""
        self._leave = frozenset(leave)
        with self._ledger.stage("scanning"):
            self._ledger.total = scan.count()
        try:
            self._embed(self._jobs(self._portions(scan), retry_failed=retry_failed))
            self._report_tables()
            self._ledger.end()
            # Last, when the catalogue knows where files have moved to.
            self._pending.commit()
            self._mark_missing(gone_below)
        finally:
            self._pending.commit()  # Also when interrupted: what is embedded is kept.
        self._ledger.summary.linked_folders = scan.linked_folders

    def try_failed(self) -> None:
        """Try the failed files again, and nothing else."""
        self._ledger.total = self._catalog.library(self._library).failed
        try:
            self._embed(self._failed_jobs())
            self._ledger.end()
        finally:
            self._pending.commit()

    def _portions(self, scan: Scan) -> Iterator[Portion]:
        portions = scan.portions()
        while True:
            with self._ledger.stage("scanning"):
                portion = next(portions, None)
            if portion is None:
                return
            yield portion

    def _jobs(self, portions: Iterable[Portion], *, retry_failed: bool) -> Iterator[ReadJob]:
        for portion in portions:
            for note in portion.skipped:
                if note.path.name in TABLE_NAMES:
                    self._scanned_tables.add(note.path)
                else:
                    self._ledger.report(FileState.SKIPPED, FileReport(note.path, note.reason))
            for note in portion.failed:
                self._ledger.report(FileState.FAILED, FileReport(note.path, note.reason, note.code))
            known = self._catalog.clips_at(self._library, portion.candidates)
            for path in portion.candidates:
                if path in self._leave:
                    continue
                told = self._tables.about(path)
                job = self._job_for(path, known.get(path), told, retry_failed=retry_failed)
                if job is not None:
                    self._outcomes.expect(path, known.get(path), told)
                    yield job
            self._pending.commit_if_due()

    def _report_tables(self) -> None:
        """Say of each table below the given paths, and of those above that describe files, what it was good for."""
        read = {table.path: table for table in self._tables.read}
        for path in sorted(
            {*self._scanned_tables, *(table.path for table in read.values() if table.was_used)}
        ):
            report = FileReport(path, "describes the files around it")
            if path in read and read[path].bad_lines:
                told = f"{read[path].bad_lines} of its lines cannot be used: {'; '.join(read[path].problems)}"
                report = FileReport(path, told, "bad_table_lines")
            self._ledger.report(FileState.SKIPPED, report)

    def _job_for(
        self, path: Path, known: Clip | None, told: Description, *, retry_failed: bool
    ) -> ReadJob | None:
        """The work that a file needs, or None if a look at its size and time tells that it is unchanged."""
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
            self._ledger.finish(FileState.FAILED, FileReport(path, known.reason, known.reason_code))
            return None
        description = told.over(known.file_description)
        self._ledger.summary.redescribed += description != known.description
        if known.status is ClipStatus.MISSING or description != known.description:
            self._pending.add(replace(known, status=ClipStatus.INDEXED, description=description))
        self._ledger.finish(FileState.UNCHANGED, FileReport(path))
        return None

    def _failed_jobs(self) -> Iterator[ReadJob]:
        for clips in self._catalog.failed_clips(self._library):
            for clip in clips:
                self._outcomes.expect(clip.path, clip, self._tables.about(clip.path))
                yield ReadJob(path=clip.path, known_sha256=None)

    def _embed(self, jobs: Iterator[ReadJob]) -> None:
        # The encoder has the other cores; decoding takes a small part of its time.
        processes = min(_MOST_PROCESSES, (os.cpu_count() or 1) // 2)
        first = list(islice(jobs, _JOBS_A_PROCESS * _MOST_PROCESSES))
        if not first:
            return
        processes = max(1, min(processes, len(first) // _JOBS_A_PROCESS))
        plan = WindowPlan(
            sample_rate_hz=self._model.sample_rate_hz,
            window=self._model.window_samples,
            hop=max(1, round(self._model.hop_s * self._model.sample_rate_hz)),
        )
        with AudioEmbedder(self._model) as embedder:
            windows = WindowEmbedder(embedder, content_id=self._catalog.content_id)
            reads = read_ahead(
                chain(first, jobs), plan, processes=processes, is_known=self._outcomes.is_known
            )
            try:
                for clip in windows.embed(reads):
                    self._outcomes.take(clip, rate_hz=plan.sample_rate_hz)
                    self._pending.commit_if_due()
                    for audio_sha256 in self._pending.take_written():
                        windows.forget(audio_sha256)
            finally:
                reads.close()  # Also when interrupted: stops the decoding processes.
                self._ledger.summary.stages_s["waiting"] += windows.waited_s

    def _mark_missing(self, roots: Iterable[Path]) -> None:
        """What the catalogue has below the roots and the disk has not. Of each rename it has the new path."""
        for root in _outermost(roots):
            if root.is_file():
                continue  # it is there, and nothing is below it; thousands may be named one by one
            for placed in self._catalog.clips_below(self._library, root):
                gone = [clip for clip in placed if self._is_missing(clip)]
                for clip in gone:
                    report = FileReport(path_from_bytes(clip.path), "file is gone")
                    self._ledger.report(FileState.MISSING, report)
                self._catalog.mark_missing(
                    [clip.clip_id for clip in gone if clip.status is ClipStatus.INDEXED]
                )

    def _is_missing(self, clip: PlacedClip) -> bool:
        if clip.status is ClipStatus.FAILED or not is_gone(clip.path):
            return False
        return path_from_bytes(clip.path) not in self._leave


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Without those that lie below another."""
    given = set(paths)
    return sorted(path for path in given if given.isdisjoint(path.parents))
