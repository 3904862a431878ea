"""The worker: claims jobs one after the other and indexes what they name. ``sonoglot worker`` runs it.

It ends as it is asked to, with the job at hand put back into the queue; killed at any moment, it loses nothing that was
committed, and another worker goes on where it was.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from indexer.build import index_paths
from indexer.errors import IndexerError, StoreBusyError
from indexer.store import Store, open_store_for_writing
from model.errors import ModelError
from model.retrieval_model import RetrievalModel
from service.database import Database
from service.errors import DatabaseUnavailableError, ServiceError
from service.job_claims import LEASE_S, JobClaims
from service.job_records import Job, JobState
from service.job_sources import fetched
from service.running_job import Ending, JobEnded, RunningJob
from service.worker_lock import is_dead, worker_lock

logger = logging.getLogger(__name__)

_IDLE_S = 0.5
_UNEXPECTED = "Something went wrong in the worker; its log says more."


class Worker:
    """Does the jobs of a store until ``stop``. The model is loaded (``load``) before the first job, and kept."""

    def __init__(
        self,
        database: Database,
        *,
        store_dir: Path,
        load: Callable[[], RetrievalModel],
        lease_s: float = LEASE_S,
    ) -> None:
        self._database = database
        self._store_dir = store_dir
        self._load = load
        self._lease_s = lease_s
        self._model: RetrievalModel | None = None
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End soon; may be called from a handler of signals."""
        self._stopping.set()

    def run(self) -> None:
        """Do jobs as they come, until ``stop``."""
        while not self._database.holds_anything():  # Nothing was ever asked for; looking makes nothing.
            if self._stopping.wait(_IDLE_S):
                return
        with worker_lock(self._store_dir) as name:
            claims = JobClaims(
                self._database,
                worker=name,
                is_dead=partial(is_dead, self._store_dir),
                lease_s=self._lease_s,
            )
            while not self._stopping.is_set():
                try:
                    self._make_ready(claims)
                    if self._stopping.is_set():
                        return
                    job = claims.claim()
                    if job is not None:
                        self._do(claims, job)
                        continue
                except DatabaseUnavailableError:
                    logger.exception("the queue cannot be read; trying again")
                self._stopping.wait(_IDLE_S)

    def _make_ready(self, claims: JobClaims) -> None:
        """Load the model before a job is claimed that needs it: a worker that dies meanwhile did not die of the job."""
        if self._model is None and claims.is_any_next():
            with suppress(Exception):  # The job meets it, too, and tells it.
                self._model = self._load()

    def _do(self, claims: JobClaims, job: Job) -> None:
        logger.info("job %s, attempt %d: library %r", job.job_id, job.attempt, job.library)
        with RunningJob(claims, job, is_stopping=self._stopping.is_set) as running:
            state, error = JobState.DONE, None
            try:
                self._index(running)
            except JobEnded as ended:
                logger.info("job %s ends early: %s", job.job_id, ended)
                if ended.ending is Ending.LOST:
                    return
                if ended.ending is Ending.HANDED_BACK:
                    claims.hand_back(job.job_id)
                    return
                state = JobState.CANCELLED
            except (IndexerError, ModelError, ServiceError) as known:
                state, error = JobState.FAILED, str(known)
            except Exception:  # A defect of ours costs this job, not the worker.
                logger.exception("job %s failed", job.job_id)
                state, error = JobState.FAILED, _UNEXPECTED
            claims.end(job.job_id, state, progress=running.progress(), error=error)
        logger.info("job %s is %s%s", job.job_id, state, f": {error}" if error else "")

    def _index(self, running: RunningJob) -> None:
        job = running.job
        folder = fetched(job, store_dir=self._store_dir, check=running.check)
        if self._model is None:
            self._model = self._load()
        with self._store_for_writing(self._model, check=running.check) as store:
            running.check_anew()  # Its library may have been deleted while it had not the store.
            try:
                index_paths(
                    store,
                    self._model,
                    library=job.library,
                    paths=[folder],
                    retry_failed=job.retry_failed,
                    on_progress=running.on_progress,
                    on_report=running.on_report,
                )
            except JobEnded as ended:
                if ended.ending is Ending.CANCELLED:
                    store.save_index()
                raise

    @contextmanager
    def _store_for_writing(self, model: RetrievalModel, *, check: Callable[[], None]) -> Iterator[Store]:
        """The store, as soon as no other process writes to it."""
        with ExitStack() as stack:
            while True:
                check()
                with suppress(StoreBusyError):
                    store = stack.enter_context(open_store_for_writing(self._store_dir, space=model.space))
                    break
            yield store
