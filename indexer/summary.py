"""What a run of indexing did: each file's state as it is decided, counts, and progress.

Counts are exact whatever the size of a library; of the files themselves only the first of each state are kept,
so that memory does not grow with them. Who wants all listens (``OnReport``).
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

REPORTS_KEPT = 1_000
"""So many reports of each state an ``IndexSummary`` keeps."""

STAGES = ("scanning", "decoding", "waiting", "writing", "publishing")


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

    @property
    def kind(self) -> str:
        """The reason without what is particular to this file; empty if there is nothing to say."""
        return self.code.replace("_", " ") if self.code else self.reason or ""


@dataclass
class IndexSummary:
    """What a run did. ``searchable`` counts the library's clips that a search can now return.

    Each list holds the first ``REPORTS_KEPT`` files in that state; ``counts`` counts all, and ``reasons`` all that
    were skipped, failed or are missing, by ``FileReport.kind``. ``moved`` files and those ``redescribed`` by a table
    are among ``unchanged``, ``copies`` of audio that was embedded before among ``indexed``. ``linked_folders`` were
    come to through a symbolic link.
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
    linked_folders: int = 0
    segments: int = 0
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    searchable: int = 0
    stages_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    totals: Counter[FileState] = field(default_factory=Counter)
    reasons: dict[FileState, Counter[str]] = field(
        default_factory=lambda: {
            state: Counter() for state in (FileState.SKIPPED, FileState.FAILED, FileState.MISSING)
        }
    )

    def counts(self) -> dict[str, int]:
        """Files by state."""
        return {state.value: self.totals[state] for state in FileState}

    def kept(self, state: FileState) -> list[FileReport]:
        """The first ``REPORTS_KEPT`` files in a state."""
        lists = {
            FileState.INDEXED: self.indexed,
            FileState.UNCHANGED: self.unchanged,
            FileState.SKIPPED: self.skipped,
            FileState.FAILED: self.failed,
            FileState.MISSING: self.missing,
        }
        return lists[state]

    def add(self, state: FileState, report: FileReport) -> None:
        """Count a file, and keep it among the first."""
        self.totals[state] += 1
        if state in self.reasons:
            self.reasons[state][report.kind] += 1
        kept = self.kept(state)
        if len(kept) < REPORTS_KEPT:
            kept.append(report)


@dataclass(frozen=True, kw_only=True)
class IndexProgress:
    """Sent after each file, and with ``path`` None after each commit; ``audio_s`` counts newly embedded
    audio.

    What is counted in ``committed`` survives whatever happens next. ``total`` is a quick count of names: files may
    come and go while a run works on them.
    """

    done: int
    total: int
    committed: int
    audio_s: float
    path: Path | None


OnReport = Callable[[FileState, FileReport], None]
OnProgress = Callable[[IndexProgress], None]


def say_nothing(state: FileState, report: FileReport) -> None:
    """An ``OnReport`` for those who do not listen."""


def show_nothing(progress: IndexProgress) -> None:
    """An ``OnProgress`` for those who do not look."""


class Ledger:
    """Keeps a run's summary, and tells each file and each commit as it happens."""

    def __init__(self, library: str, *, on_progress: OnProgress, on_report: OnReport) -> None:
        self.summary = IndexSummary(library)
        self.total = 0
        self._done = self._committed = 0
        self._on_progress = on_progress
        self._on_report = on_report

    def report(self, state: FileState, report: FileReport) -> None:
        """A path that was no candidate, or has none any more."""
        self.summary.add(state, report)
        self._on_report(state, report)

    def finish(self, state: FileState, report: FileReport) -> None:
        """A candidate's state is decided."""
        self.report(state, report)
        self._done += 1
        self._tell(report.path)

    def commit(self) -> None:
        """All that was decided so far is written."""
        self._committed = self._done
        self._tell(None)

    def end(self) -> None:
        """Every candidate is done: their number is known now."""
        self.total = self._done

    def stage(self, name: str) -> "Stage":
        """Measure a ``with`` block as part of a stage."""
        return Stage(self.summary.stages_s, name)

    def _tell(self, path: Path | None) -> None:
        self._on_progress(
            IndexProgress(
                done=self._done,
                total=max(self.total, self._done),
                committed=self._committed,
                audio_s=self.summary.audio_s,
                path=path,
            )
        )


class Stage:
    """Adds the time of a ``with`` block to a stage."""

    def __init__(self, stages_s: dict[str, float], name: str) -> None:
        self._stages_s, self._name = stages_s, name

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._stages_s[self._name] += time.monotonic() - self._started
