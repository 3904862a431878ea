"""Plain records that pass between the catalogue, the builder, and whoever shows results."""

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.description import NOTHING, Description, filter_key
from indexer.errors import InvalidQueryError

MAX_FILTER_TAGS = 20


class ClipStatus(StrEnum):
    """``missing``: was indexed, then its file went away; kept, but never returned by a search."""

    INDEXED = "indexed"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One audio file of a library. ``clip_id`` depends on library and path alone, so it outlives
    re-indexing.

    Three layers say what it is called. ``file_description``: what the file itself says, with its tags and its name, so
    that a table beside it can change or go without reading the file again. ``found_description``: that, and the table
    over it; each run of indexing writes it. ``own_description``: what a user said of this clip (``catalog_editing``),
    which no run touches. ``description``, all of them, is what filters and results go by.
    """

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
    found_description: Description = NOTHING
    file_description: Description = NOTHING
    own_description: Description = NOTHING

    @property
    def description(self) -> Description:
        """What is known of the clip: each field of the user's own, where there is one."""
        return self.own_description.over(self.found_description)


class FoundClip(NamedTuple):
    """What results show of a clip; see ``Clip``."""

    clip_id: str
    content_id: int
    library: str
    path: Path
    duration_s: float
    description: Description


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


@dataclass(frozen=True, kw_only=True)
class SearchFilter:
    """Which clips a search may return; what is None or empty does not matter.

    ``folder`` is absolute, and all below it counts. Durations are inclusive. A clip must have all ``tags``. Tags,
    licence and category are compared as wholes, without case.

    Raises:
        InvalidQueryError: a value cannot be asked for.
    """

    library: str | None = None
    folder: Path | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    tags: tuple[str, ...] = ()
    licence: str | None = None
    category: str | None = None

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.is_absolute():
            raise InvalidQueryError(
                f"The folder {str(self.folder)!r} is not absolute: give its whole path, as results show it."
            )
        for seconds in (self.min_duration_s, self.max_duration_s):
            if seconds is not None and (not math.isfinite(seconds) or seconds < 0):
                raise InvalidQueryError(f"A duration must be at least 0 seconds, not {seconds:g}.")
        if (self.min_duration_s or 0) > (math.inf if self.max_duration_s is None else self.max_duration_s):
            raise InvalidQueryError(
                f"No clip lasts at least {self.min_duration_s:g} s and at most {self.max_duration_s:g} s."
            )
        if len(self.tags) > MAX_FILTER_TAGS:
            raise InvalidQueryError(f"A search takes at most {MAX_FILTER_TAGS} tags, not {len(self.tags)}.")
        for text in (*self.tags, self.licence, self.category):
            if text is not None and not filter_key(text):
                raise InvalidQueryError("A tag, licence or category to filter by is empty.")

    @property
    def is_empty(self) -> bool:
        """Whether every clip passes."""
        return self == _EVERYTHING


_EVERYTHING = SearchFilter()


@dataclass(frozen=True, kw_only=True)
class ValueCount:
    """A value that clips can be filtered by, and how many searchable clips have it."""

    value: str
    clips: int


@dataclass(frozen=True, kw_only=True)
class FilterValues:
    """What clips can be filtered by, the most frequent first."""

    tags: tuple[ValueCount, ...]
    licences: tuple[ValueCount, ...]
    categories: tuple[ValueCount, ...]
