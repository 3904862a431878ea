"""Plain records that pass between the catalogue, the builder, and whoever shows results."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

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
    reason_code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClipContent:
    """What embedding a clip gave: spans in seconds, shape (N, 2), and unit vectors, shape (N, D)."""

    spans_s: NDArray[np.float64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class SegmentLocation:
    """Where a segment lies."""

    segment_id: int
    clip_id: str
    library: str
    path: Path
    start_s: float
    end_s: float
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class LibrarySummary:
    """A library and what it holds; ``duration_s`` is the sum over indexed clips."""

    name: str
    clips: int
    segments: int
    failed: int
    missing: int
    duration_s: float
