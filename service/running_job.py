"""A job while a worker does it: its lease is renewed and its progress told, and it is ended when it has to be.

A thread speaks with the database, so that no file waits for it. Work is ended between two files, where it is told
apart who asked: a user, the worker's own end, or another worker that took the job up because this one was silent.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from enum import Enum
from types import TracebackType

from indexer.summary import FileReport, FileState, IndexProgress
from service.errors import DatabaseUnavailableError
from service.job_claims import JobClaims
from service.job_records import Job, JobProgress

logger = logging.getLogger(__name__)

RENEWAL_S = 0.5


class Ending(Enum):
    """Why a job is ended before its work is done."""

    CANCELLED = "a user asked for it"
    HANDED_BACK = "the worker ends"
    LOST = "another worker has taken it up"


class JobEnded(BaseException):
    """Raised between two files to end the work. No error: nothing that catches errors shall catch it."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.value)
        self.ending = ending


class RunningJob:
    """A claimed job, as a context manager. ``is_stopping``: whether the worker was asked to end."""

    def __init__(self, claims: JobClaims, job: Job, *, is_stopping: Callable[[], bool]) -> None:
        self.job = job
        self._claims = claims
        self._is_stopping = is_stopping
        self._ending: Ending | None = None
        self._counts: Counter[FileState] = Counter()
        self._done = self._total = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> "RunningJob":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def progress(self) -> JobProgress | None:
        """How far it is; None before it has looked at anything."""
        if not self._counts and not self._total:
            return None
        return JobProgress(
            done=self._done,
            total=self._total,
            indexed=self._counts[FileState.INDEXED],
            unchanged=self._counts[FileState.UNCHANGED],
            skipped=self._counts[FileState.SKIPPED],
            failed=self._counts[FileState.FAILED],
        )

    def check(self) -> None:
        """Raise JobEnded if the work is to be ended here."""
        if self._ending is not None:
            raise JobEnded(self._ending)
        if self._is_stopping():
            raise JobEnded(Ending.HANDED_BACK)

    def check_anew(self) -> None:
        """The same, with what was asked of the job until this very moment."""
        self._ask()
        self.check()

    def on_progress(self, progress: IndexProgress) -> None:
        """For ``index_paths``."""
        self._done, self._total = progress.done, progress.total

    def on_report(self, state: FileState, report: FileReport) -> None:
        """For ``index_paths``. Raises JobEnded."""
        self._counts[state] += 1
        self.check()

    def _renew(self) -> None:
        while self._ending is not Ending.LOST and not self._is_over.wait(RENEWAL_S):
            self._ask()

    def _ask(self) -> None:
        """Renew the lease, and hear whether the work is to end."""
        try:
            cancel_asked = self._claims.renew(self.job.job_id, self.progress())
        except DatabaseUnavailableError:
            # If this lasts, another worker waits for the store until this one has ended.
            logger.warning("job %s: its lease could not be renewed", self.job.job_id, exc_info=True)
            return
        if cancel_asked is None:
            self._ending = Ending.LOST
        elif cancel_asked:
            self._ending = Ending.CANCELLED
