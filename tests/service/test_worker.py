"""Workers, most of them real processes: killed, stopped, many at once; and what becomes of jobs in each case."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.catalog_editing import create_library
from indexer.store import open_catalog_for_writing, open_store, open_store_for_writing
from model.retrieval_model import RetrievalModel
from service.app import create_app
from service.database import Database, open_database
from service.job_records import Job, JobState
from service.jobs import Jobs
from service.library_removal import remove_library
from service.uploads_folder import uploads_folder
from service.worker import Worker
from tests.indexer.sounds import write_tone
from tests.service.helpers import client_of, wait_until_loaded
from tests.service.jobs_helpers import DEADLINE_S, Working, wait_for, worker_process, write_tones

CLIPS = 100


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path, database_url)
    yield opened
    opened.close()


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def submit(jobs: Jobs, folder: Path, *, library: str = "field") -> Job:
    return jobs.submit(library=library, source={"folder": str(folder)})


def is_end(job: Job) -> bool:
    return job.state.is_end


def is_under_way(job: Job) -> bool:
    return job.progress is not None and job.progress.done > 0


def clip_names(store_dir: Path, library: str = "field") -> list[str]:
    with open_store(store_dir) as store:
        assert store.index_is_saved()
        return sorted(clip.path.name for clip in store.catalog.clips(library))


def libraries(store_dir: Path) -> list[str]:
    with open_store(store_dir) as store:
        return [library.name for library in store.catalog.libraries()]


def test_a_worker_hands_its_job_back_when_it_is_stopped_and_another_finishes_it_when_it_is_killed(
    database: Database,
    jobs: Jobs,
    database_url: str,
    tmp_path: Path,
    model: RetrievalModel,
    exported: Path,
) -> None:
    write_tones(tmp_path / "sounds", CLIPS)
    job_id = submit(jobs, tmp_path / "sounds").job_id
    with worker_process(tmp_path, database_url, model_dir=exported) as process:
        wait_for(jobs, job_id, is_under_way)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    handed_back = jobs.get(job_id)
    assert (handed_back.state, handed_back.attempt) == (JobState.QUEUED, 1)
    held = len(clip_names(tmp_path))
    assert held > 0

    with worker_process(tmp_path, database_url, model_dir=exported) as process:
        wait_for(jobs, job_id, lambda job: job.attempt == 2 and is_under_way(job))
        with Working(database, tmp_path, model):
            process.kill()
            process.wait()
            done = wait_for(jobs, job_id, is_end)  # at once: its lease would outlast the deadline
    assert (done.state, done.attempt, done.error) == (JobState.DONE, 3, None)
    assert done.progress is not None
    assert done.progress.done == done.progress.total == CLIPS
    assert done.progress.unchanged >= held
    assert clip_names(tmp_path) == [f"{number:03}.wav" for number in range(CLIPS)]
    assert list((tmp_path / "workers").iterdir()) == []


def test_two_workers_do_many_jobs_on_one_library(
    database: Database, jobs: Jobs, tmp_path: Path, model: RetrievalModel
) -> None:
    submitted: list[str] = []
    for number in range(6):
        write_tone(tmp_path / "sounds" / str(number) / f"{number:02}.wav", seconds=0.5, hz=100 + 50 * number)
        submitted.append(submit(jobs, tmp_path / "sounds" / str(number)).job_id)
    with Working(database, tmp_path, model), Working(database, tmp_path, model):
        for job_id in submitted:
            wait_for(jobs, job_id, is_end)
    for job_id in submitted:
        done = jobs.get(job_id)
        assert (done.state, done.attempt) == (JobState.DONE, 1)
        assert done.progress is not None
        assert done.progress.indexed == 1
    assert len(clip_names(tmp_path)) == len(submitted)


def test_a_cancelled_job_keeps_what_it_indexed(
    database: Database, jobs: Jobs, tmp_path: Path, model: RetrievalModel
) -> None:
    write_tones(tmp_path / "sounds", CLIPS)
    job_id = submit(jobs, tmp_path / "sounds").job_id
    with Working(database, tmp_path, model):
        wait_for(jobs, job_id, is_under_way)
        jobs.cancel(job_id)
        cancelled = wait_for(jobs, job_id, is_end)
        assert cancelled.state is JobState.CANCELLED
        held = len(clip_names(tmp_path))
        assert 0 < held < CLIPS
        jobs.retry(job_id)
        done = wait_for(jobs, job_id, is_end)
    assert done.progress is not None
    assert (done.state, done.progress.unchanged, done.progress.indexed) == (
        JobState.DONE,
        held,
        CLIPS - held,
    )


def test_jobs_of_a_deleted_library_end_with_it(
    database: Database, jobs: Jobs, database_url: str, tmp_path: Path, model: RetrievalModel
) -> None:
    write_tones(tmp_path / "sounds", CLIPS)
    write_tones(tmp_path / "few", 1)
    running, waiting = submit(jobs, tmp_path / "sounds"), submit(jobs, tmp_path / "few")
    app = create_app(store_dir=tmp_path, database_url=database_url)
    with client_of(app) as client:
        wait_until_loaded(client)  # first, for the job may be done by then
        with Working(database, tmp_path, model):
            wait_for(jobs, running.job_id, lambda job: client.get("/v1/libraries/field").status_code == 200)
            other = submit(jobs, tmp_path / "few", library="other")
            while (status := client.delete("/v1/libraries/field").status_code) == 409:
                pass  # Asked again, as it says: what runs takes a moment to end, and then the other job begins.
            assert status == 204
            wait_for(jobs, other.job_id, is_end)
    assert [jobs.get(job.job_id).state for job in (running, waiting, other)] == [
        JobState.CANCELLED,
        JobState.CANCELLED,
        JobState.DONE,
    ]
    assert libraries(tmp_path) == ["other"]


def test_a_job_that_has_not_begun_to_write_does_not_make_a_deleted_library_again(
    database: Database, jobs: Jobs, tmp_path: Path, model: RetrievalModel
) -> None:
    write_tones(tmp_path / "sounds", 1)
    with open_store_for_writing(tmp_path, space=model.space) as store:
        create_library(store.catalog, "field")
    with Working(database, tmp_path, model):
        with open_catalog_for_writing(tmp_path) as catalog:
            job_id = submit(jobs, tmp_path / "sounds").job_id
            wait_for(jobs, job_id, lambda job: job.state is JobState.RUNNING)  # it waits for the store
            remove_library(catalog, "field", store_dir=tmp_path, jobs=jobs)
        assert wait_for(jobs, job_id, is_end).state is JobState.CANCELLED
    assert libraries(tmp_path) == []


def test_a_job_is_claimed_once_the_model_is_loaded_so_that_who_dies_of_that_does_not_count(
    database: Database, jobs: Jobs, tmp_path: Path, model: RetrievalModel
) -> None:
    write_tones(tmp_path / "sounds", 1)
    is_loading, may_go_on = threading.Event(), threading.Event()

    def load() -> RetrievalModel:
        is_loading.set()
        assert may_go_on.wait(DEADLINE_S)
        return model

    job_id = submit(jobs, tmp_path / "sounds").job_id
    worker = Worker(database, store_dir=tmp_path, load=load)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert is_loading.wait(DEADLINE_S)
    waiting = jobs.get(job_id)
    may_go_on.set()
    done = wait_for(jobs, job_id, is_end)
    worker.stop()
    thread.join()
    assert (waiting.state, waiting.attempt) == (JobState.QUEUED, 0)
    assert (done.state, done.attempt) == (JobState.DONE, 1)


def test_a_store_that_others_write_to_is_waited_for(
    database: Database, jobs: Jobs, tmp_path: Path, model: RetrievalModel
) -> None:
    write_tones(tmp_path / "sounds", 1)
    job_id = submit(jobs, tmp_path / "sounds").job_id
    with open_store_for_writing(tmp_path, space=model.space):
        with Working(database, tmp_path, model):
            wait_for(jobs, job_id, lambda job: job.state is JobState.RUNNING)
        assert jobs.get(job_id).state is JobState.QUEUED, "handed back, for its worker was stopped"
    with Working(database, tmp_path, model):
        assert wait_for(jobs, job_id, is_end).state is JobState.DONE


def test_what_cannot_be_done_fails_with_its_reason_and_the_next_job_is_done(
    database: Database, jobs: Jobs, tmp_path: Path, model: RetrievalModel
) -> None:
    write_tones(uploads_folder(tmp_path, "field"), 1)
    gone = submit(jobs, tmp_path / "gone").job_id
    nothing = jobs.submit(library="other", source={"uploads": True}).job_id
    url = jobs.submit(library="other", source={"url": "nonsense://bucket/prefix"}).job_id
    good = jobs.submit(library="field", source={"uploads": True}).job_id
    with Working(database, tmp_path, model):
        assert wait_for(jobs, good, is_end).state is JobState.DONE
    for job_id, said in ((gone, "no folder"), (nothing, "Nothing was uploaded"), (url, "nonsense")):
        failed = jobs.get(job_id)
        assert failed.state is JobState.FAILED
        assert said in (failed.error or "")
    assert clip_names(tmp_path) == ["000.wav"]


def test_a_defect_of_ours_costs_the_job_and_tells_nothing(
    database: Database, jobs: Jobs, tmp_path: Path
) -> None:
    write_tones(tmp_path / "sounds", 1)
    job_id = submit(jobs, tmp_path / "sounds").job_id

    def break_down() -> RetrievalModel:
        raise RuntimeError("secret")

    worker = Worker(database, store_dir=tmp_path, load=break_down)
    thread = threading.Thread(target=worker.run)
    thread.start()
    failed = wait_for(jobs, job_id, is_end)
    worker.stop()
    thread.join()
    assert failed.state is JobState.FAILED
    assert "log" in (failed.error or "")
    assert "secret" not in (failed.error or "")
