"""Workers as real processes and in threads, and waiting for jobs, for the tests of the queue."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from model.retrieval_model import RetrievalModel
from service.database import Database
from service.job_records import Job
from service.jobs import Jobs
from service.worker import Worker
from tests.indexer.sounds import write_tone

ROOT = Path(__file__).parents[2]
DEADLINE_S = 120.0


def write_tones(folder: Path, count: int, *, seconds: float = 1.0) -> None:
    """So many sounds, all different."""
    for number in range(count):
        write_tone(folder / f"{number:03}.wav", seconds=seconds, hz=80 * 1.02**number)


@contextmanager
def worker_process(
    store_dir: Path, database_url: str, *, model_dir: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """``sonoglot worker``, killed at the end if it still runs."""
    command = [
        sys.executable,
        "-m",
        "sonoglot",
        "worker",
        "--store",
        str(store_dir),
        "--model",
        str(model_dir),
    ]
    environment = os.environ | {"SONOGLOT_DATABASE": database_url}
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


class Working:
    """A worker in a thread of this process, with the model that the tests have loaded already."""

    def __init__(self, database: Database, store_dir: Path, model: RetrievalModel) -> None:
        self.worker = Worker(database, store_dir=store_dir, load=lambda: model)
        self._thread = threading.Thread(target=self.worker.run)

    def __enter__(self) -> "Working":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.worker.stop()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()


def wait_for(jobs: Jobs, job_id: str, is_it: Callable[[Job], bool]) -> Job:
    """The job, as soon as it is so."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        job = jobs.get(job_id)
        if is_it(job):
            return job
        time.sleep(0.02)
    raise AssertionError(f"the job never came to be so: {jobs.get(job_id)}")
