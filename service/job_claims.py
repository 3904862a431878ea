"""The queue as workers see it: a job is claimed for a time (a lease), which its worker goes on renewing.

Safe with any number of workers: in SQLite a transaction that writes is alone; in PostgreSQL rows are locked and locked
ones passed over; and in both a unique index allows one running job, whatever else happens.
"""

import time
from collections.abc import Callable
from dataclasses import asdict

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from service.database import Database, JobRow
from service.job_records import JOB_COLUMNS, Job, JobProgress, JobState, job_of
from service.jobs import utc_now

LEASE_S = 60.0
MOST_DEATHS = 3
"""After so many workers died, a job is thought to be what killed them, and fails."""


class JobClaims:
    """What a worker may do with jobs.

    Args:
        worker: who claims; no other worker has this name.
        is_dead: whether another worker is known to have ended, so that its job need not wait for its lease.
        lease_s: so long a worker may be silent. ``now_s``: seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        *,
        worker: str,
        is_dead: Callable[[str], bool],
        lease_s: float = LEASE_S,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._worker = worker
        self._is_dead = is_dead
        self._lease_s = lease_s
        self._now_s = now_s

    def is_any_next(self) -> bool:
        """Whether there is a job that ``claim`` would give."""
        if not self._database.holds_anything():
            return False
        with self._database.transaction() as connection:
            return self._next_id(connection) is not None

    def claim(self) -> Job | None:
        """The next job of the queue, now this worker's, unless there is none or another runs."""
        if not self._database.holds_anything():
            return None
        with self._database.transaction() as connection:
            job_id = self._next_id(connection)
            if job_id is None:
                return None
            try:
                with connection.begin_nested():
                    self._start(connection, job_id)
            except IntegrityError:
                return None  # Another worker started another job at the same moment.
            return job_of(connection.execute(select(*JOB_COLUMNS).where(JobRow.id == job_id)).one())

    def renew(self, job_id: str, progress: JobProgress | None) -> bool | None:
        """Keep a claim for another lease, and tell how far the job is.

        Returns whether the job is to be cancelled; None if it is not this worker's any more.
        """
        statement = (
            update(JobRow)
            .where(*self._is_mine(job_id))
            .values(lease_until_s=self._now_s() + self._lease_s, progress=_document(progress))
            .returning(JobRow.cancel_asked)
        )
        with self._database.transaction() as connection:
            row = connection.execute(statement).first()
            return None if row is None else row.cancel_asked

    def end(
        self, job_id: str, state: JobState, *, progress: JobProgress | None, error: str | None = None
    ) -> bool:
        """Give a claim up, for the job has ended; whether it was still this worker's."""
        values = {"state": state, "ended_at": utc_now(), "error": error, "progress": _document(progress)}
        return self._give_up(job_id, values)

    def hand_back(self, job_id: str) -> bool:
        """Give a claim up, so that another worker goes on; whether it was still this worker's."""
        return self._give_up(job_id, {"state": JobState.QUEUED})

    def _next_id(self, connection: Connection) -> str | None:
        self._take_back(connection)
        if connection.execute(select(JobRow.id).where(JobRow.state == JobState.RUNNING)).first():
            return None
        return connection.execute(
            select(JobRow.id)
            .where(JobRow.state == JobState.QUEUED)
            .order_by(JobRow.queued_at, JobRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar()

    def _start(self, connection: Connection, job_id: str) -> None:
        connection.execute(
            update(JobRow)
            .where(JobRow.id == job_id)
            .values(
                state=JobState.RUNNING,
                started_at=utc_now(),
                attempt=JobRow.attempt + 1,
                worker=self._worker,
                lease_until_s=self._now_s() + self._lease_s,
            )
        )

    def _give_up(self, job_id: str, values: dict[str, object]) -> bool:
        statement = (
            update(JobRow).where(*self._is_mine(job_id)).values(worker=None, lease_until_s=None, **values)
        )
        with self._database.transaction() as connection:
            return connection.execute(statement).rowcount == 1

    def _is_mine(self, job_id: str) -> tuple[ColumnElement[bool], ...]:
        return JobRow.id == job_id, JobRow.worker == self._worker, JobRow.state == JobState.RUNNING

    def _take_back(self, connection: Connection) -> None:
        """Put back into the queue what a worker left that died or was not heard of for too long."""
        running = select(*JOB_COLUMNS).where(JobRow.state == JobState.RUNNING)
        for row in connection.execute(running.with_for_update(skip_locked=True)).all():
            if row.lease_until_s > self._now_s() and not self._is_dead(row.worker):
                continue
            values: dict[str, object] = {"state": JobState.QUEUED, "deaths": row.deaths + 1}
            if row.cancel_asked:
                values |= {"state": JobState.CANCELLED, "ended_at": utc_now()}
            elif row.deaths + 1 >= MOST_DEATHS:
                error = f"{MOST_DEATHS} workers died while they did this; their logs may say why."
                values |= {"state": JobState.FAILED, "ended_at": utc_now(), "error": error}
            connection.execute(
                update(JobRow).where(JobRow.id == row.id).values(worker=None, lease_until_s=None, **values)
            )


def _document(progress: JobProgress | None) -> dict[str, int] | None:
    return None if progress is None else asdict(progress)
