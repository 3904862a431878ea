"""Jobs, as those see them who ask for work: submitted, looked at, cancelled, tried again.

A table in the service's own database (docs/decisions/0011). The queue's other side, for workers, is ``job_claims``.
"""

import secrets
from datetime import UTC, datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection, Row

from indexer.catalog import check_library_name
from service.database import Database, JobRow
from service.errors import JobStateError, UnknownJobError
from service.job_records import JOB_COLUMNS, Job, JobSource, JobState, job_of

_QUEUE = (
    select(JobRow.id, func.row_number().over(order_by=(JobRow.queued_at, JobRow.id)).label("queue_position"))
    .where(JobRow.state == JobState.QUEUED)
    .subquery()
)
_SEEN = select(*JOB_COLUMNS, _QUEUE.c.queue_position).outerjoin(_QUEUE, _QUEUE.c.id == JobRow.id)
"""Jobs with their places in the queue."""


class Jobs:
    """The jobs of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, *, library: str, source: JobSource, retry_failed: bool = False) -> Job:
        """Put a job at the end of the queue; if one that would do the same waits there already, return that.

        Raises InvalidLibraryNameError.
        """
        check_library_name(library)
        now = utc_now()
        values = {"library": library, "source": dict(source), "retry_failed": retry_failed}
        with self._database.transaction() as connection:
            for row in connection.execute(
                select(*JOB_COLUMNS).where(
                    JobRow.state == JobState.QUEUED,
                    JobRow.library == library,
                    JobRow.retry_failed == retry_failed,
                )
            ):
                if row.source == values["source"]:
                    return _seen(connection, row.id)
            job_id = secrets.token_hex(8)
            connection.execute(
                insert(JobRow).values(
                    id=job_id,
                    **values,
                    state=JobState.QUEUED,
                    created_at=now,
                    queued_at=now,
                    attempt=0,
                    deaths=0,
                    cancel_asked=False,
                )
            )
            return _seen(connection, job_id)

    def get(self, job_id: str) -> Job:
        """A job as it stands. Raises UnknownJobError."""
        self._check_may_exist(job_id)
        with self._database.reading() as connection:
            return _seen(connection, job_id)

    def list(self, *, library: str | None = None, state: JobState | None = None, limit: int) -> list[Job]:
        """The latest jobs, newest first."""
        if not self._database.holds_anything() or (library is not None and not library.isprintable()):
            return []
        statement = _SEEN.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
        if library is not None:
            statement = statement.where(JobRow.library == library)
        if state is not None:
            statement = statement.where(JobRow.state == state)
        with self._database.reading() as connection:
            return [job_of(row, queue_position=row.queue_position) for row in connection.execute(statement)]

    def cancel(self, job_id: str) -> Job:
        """End a job: at once while it waits, between two files while it runs. What was indexed is kept.

        Raises UnknownJobError, or JobStateError if it has ended.
        """
        self._check_may_exist(job_id)
        with self._database.transaction() as connection:
            row = _locked(connection, job_id)
            if JobState(row.state).is_end:
                raise JobStateError(f"Job {job_id} is {row.state}; only what waits or runs can be cancelled.")
            values: dict[str, object] = {"cancel_asked": True}
            if row.state == JobState.QUEUED:
                values = {"state": JobState.CANCELLED, "ended_at": utc_now()}
            connection.execute(update(JobRow).where(JobRow.id == job_id).values(**values))
            return _seen(connection, job_id)

    def cancel_all_of(self, library: str) -> None:
        """Cancel all jobs of a library, as ``cancel`` does each."""
        if not self._database.holds_anything():
            return
        of_library = update(JobRow).where(JobRow.library == library)
        waiting = of_library.where(JobRow.state == JobState.QUEUED)
        running = of_library.where(JobRow.state == JobState.RUNNING)
        with self._database.transaction() as connection:
            connection.execute(waiting.values(state=JobState.CANCELLED, ended_at=utc_now()))
            connection.execute(running.values(cancel_asked=True))  # second, for one is claimed at this moment

    def retry(self, job_id: str) -> Job:
        """Queue a job again that failed or was cancelled. Raises UnknownJobError or JobStateError."""
        self._check_may_exist(job_id)
        with self._database.transaction() as connection:
            row = _locked(connection, job_id)
            if row.state not in (JobState.FAILED, JobState.CANCELLED):
                raise JobStateError(
                    f"Job {job_id} is {row.state}; only what failed or was cancelled can be tried again."
                )
            connection.execute(
                update(JobRow)
                .where(JobRow.id == job_id)
                .values(
                    state=JobState.QUEUED,
                    queued_at=utc_now(),
                    started_at=None,
                    ended_at=None,
                    deaths=0,
                    progress=None,
                    error=None,
                    cancel_asked=False,
                )
            )
            return _seen(connection, job_id)

    def _check_may_exist(self, job_id: str) -> None:
        # What is no id never reaches the database: PostgreSQL refuses some characters.
        if not self._database.holds_anything() or not (job_id.isascii() and job_id.isalnum()):
            raise _unknown(job_id)


def utc_now() -> str:
    """This moment, as the tables hold it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _locked(connection: Connection, job_id: str) -> Row:
    """The job's row, which nobody else changes until the transaction ends."""
    row = connection.execute(select(*JOB_COLUMNS).where(JobRow.id == job_id).with_for_update()).first()
    if row is None:
        raise _unknown(job_id)
    return row


def _unknown(job_id: str) -> UnknownJobError:
    return UnknownJobError(f"There is no job {job_id!r}.")


def _seen(connection: Connection, job_id: str) -> Job:
    row = connection.execute(_SEEN.where(JobRow.id == job_id)).first()
    if row is None:
        raise _unknown(job_id)
    return job_of(row, queue_position=row.queue_position)
