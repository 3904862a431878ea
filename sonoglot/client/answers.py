"""What a server answers, as Python objects. Times are in seconds; what a server leaves out is None or empty.

Members that a newer server adds are passed over.
"""

from dataclasses import field
from typing import Any

from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Match:
    """A moment of a clip that matches."""

    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One result. ``score`` is the cosine, ``confidence`` how likely it is what was asked for."""

    rank: int
    clip_id: str
    path: str
    library: str
    score: float
    start_s: float
    end_s: float
    duration_s: float
    audio_url: str
    confidence: float | None = None
    title: str | None = None
    description: str | None = None
    artist: str | None = None
    licence: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SearchAnswer:
    """Ranked results. ``next`` is the cursor of the next page; ``good_match`` is False if nothing really matches."""

    hits: tuple[Hit, ...]
    model: str
    took_ms: float
    query: dict[str, Any]
    timings_ms: dict[str, float] = field(default_factory=dict)
    generation: int | None = None
    good_match: bool | None = None
    next: str | None = None


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library, and how much is in it."""

    name: str
    clips: int
    segments: int
    failed: int
    missing: int
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip of the catalogue; ``status`` is indexed, failed or missing."""

    clip_id: str
    path: str
    library: str
    duration_s: float
    status: str
    audio_url: str
    title: str | None = None
    description: str | None = None
    artist: str | None = None
    licence: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tag:
    """How well a word of a vocabulary fits a clip."""

    tag: str
    score: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is, in files."""

    done: int = 0
    total: int | None = None
    indexed: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of indexing; ``state`` is queued, running, done, failed or cancelled."""

    job_id: str
    library: str
    source: dict[str, Any]
    state: str
    attempt: int
    created_at: str
    retry_failed: bool = False
    started_at: str | None = None
    ended_at: str | None = None
    progress: Progress | None = None
    error: str | None = None
    queue_position: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it will change no more by itself."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """What became of one file; ``state`` is accepted or refused."""

    filename: str
    state: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """What became of files, and the job that indexes them."""

    files: tuple[UploadedFile, ...]
    job: Job | None = None


@dataclass(frozen=True, kw_only=True)
class LibraryList:
    """All libraries."""

    libraries: tuple[Library, ...]


@dataclass(frozen=True, kw_only=True)
class ClipPage:
    """Some clips of a library; ``next`` is where there are more."""

    clips: tuple[Clip, ...]
    next: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobList:
    """Jobs, the latest first."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, kw_only=True)
class TagList:
    """Tags of a clip, best first."""

    tags: tuple[Tag, ...]
