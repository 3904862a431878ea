"""Plain records that pass between the catalogue, the builder, and whoever shows results."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class ClipStatus(StrEnum):
    """``missing``: was indexed, then its file went away; kept, but never returned by a search."""

    INDEXED = "indexed"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One audio file of a library. ``clip_id`` depends on library and path alone, so it outlives
    re-indexing."""

    clip_id: str
    library: str
    path: Path
    size_bytes: int
    mtime_ns: int
    sha256: str
    duration_s: float
    source_rate_hz: int
    status: ClipStatus
    content_id: int | None = None
    reason_code: str | None = None
    reason: str | None = None


class PlacedClip(NamedTuple):
    """A clip's place alone, for looking through millions of them; ``path`` is the exact bytes of its name."""

    clip_id: str
    path: bytes
    status: ClipStatus


@dataclass(frozen=True, kw_only=True)
class ClipContent:
    """What embedding a clip gave: spans in seconds, shape (N, 2), and unit vectors, shape (N, D).

    ``audio_sha256`` identifies the decoded samples: clips that have the same share one content.
    """

    audio_sha256: str
    spans_s: NDArray[np.float64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class SegmentSpan:
    """A segment, the content it is of, and its place in it in seconds."""

    segment_id: int
    content_id: int
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class LibrarySummary:
    """A library and what it holds; ``duration_s`` is the sum over indexed clips."""

    name: str
    clips: int
    segments: int
    failed: int
    missing: int
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Files of a library that failed for one reason: how many, and the first few of their paths."""

    reason_code: str
    count: int
    examples: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class IndexRun:
    """One run of indexing, as it is kept: files by state, and seconds spent in each stage."""

    library: str
    started_at: str
    elapsed_s: float
    counts: dict[str, int]
    stages_s: dict[str, float]
