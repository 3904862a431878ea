"""Plain records of jobs, as they pass between the table, the worker and the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.database import JobRow

JobSource = Mapping[str, str | bool]
"""One of {"folder": path}, {"uploads": True} and {"url": prefix of an object store}."""


class JobState(StrEnum):
    """A job is queued, runs, and ends in one of the others; ``retry`` queues what failed or was cancelled again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        """Whether nothing happens any more unless it is asked for."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """Files: ``done`` of ``total`` are decided, and what became of them; ``skipped`` are not among ``total``."""

    done: int
    total: int
    indexed: int
    unchanged: int
    skipped: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """A request to bring a library up to date with a source. Times are UTC, ISO 8601.

    ``attempt``: how often it was started. ``queue_position``: 1 is next; None unless it is queued.
    """

    job_id: str
    library: str
    source: JobSource
    retry_failed: bool
    state: JobState
    created_at: str
    started_at: str | None
    ended_at: str | None
    attempt: int
    progress: JobProgress | None
    error: str | None
    queue_position: int | None = None


JOB_COLUMNS = JobRow.__table__.columns


def job_of(row: Any, *, queue_position: int | None = None) -> Job:
    """The job that a row of ``JOB_COLUMNS`` holds."""
    return Job(
        job_id=row.id,
        library=row.library,
        source=row.source,
        retry_failed=row.retry_failed,
        state=JobState(row.state),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        attempt=row.attempt,
        progress=None if row.progress is None else JobProgress(**row.progress),
        error=row.error,
        queue_position=queue_position,
    )
