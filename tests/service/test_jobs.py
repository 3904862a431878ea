"""The queue, on every database: its order, its states, and who may work on what."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.errors import InvalidLibraryNameError
from service.database import Database, open_database
from service.errors import DatabaseUnavailableError, JobStateError, UnknownJobError
from service.job_claims import MOST_DEATHS, JobClaims
from service.job_records import Job, JobProgress, JobState
from service.jobs import Jobs
from service.worker_lock import is_dead, worker_lock

PROGRESS = JobProgress(done=3, total=9, indexed=1, unchanged=1, skipped=2, failed=1)


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path, database_url)
    yield opened
    opened.close()


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


class Clock:
    now_s = 1000.0


def submit(jobs: Jobs, name: str) -> Job:
    return jobs.submit(library="field", source={"folder": f"/sounds/{name}"})


def worker(database: Database, name: str, *, dead: set[str] | None = None) -> JobClaims:
    return JobClaims(
        database,
        worker=name,
        is_dead=lambda other: other in (dead or set()),
        lease_s=10,
        now_s=lambda: Clock.now_s,
    )


def claimed(claims: JobClaims) -> Job:
    job = claims.claim()
    assert job is not None
    return job


def test_who_looks_waits_for_nobody_who_writes(database: Database, jobs: Jobs) -> None:
    first, second = (submit(jobs, name) for name in "ab")
    with database.transaction():
        assert jobs.get(second.job_id) == second
        assert jobs.list(limit=2) == [second, first]


def test_all_jobs_of_a_library_are_cancelled_together(database: Database, jobs: Jobs) -> None:
    jobs.cancel_all_of("field")
    running, waiting = (submit(jobs, name) for name in "ab")
    other = jobs.submit(library="other", source={"folder": "/sounds/a"})
    one = worker(database, "one")
    claimed(one)
    assert one.renew(running.job_id, None) is False
    jobs.cancel_all_of("field")
    assert one.renew(running.job_id, None) is True
    cancelled = jobs.get(waiting.job_id)
    assert (cancelled.state, cancelled.ended_at is not None) == (JobState.CANCELLED, True)
    assert [jobs.get(job.job_id).state for job in (running, other)] == [JobState.RUNNING, JobState.QUEUED]
    assert one.end(running.job_id, JobState.CANCELLED, progress=None)
    ended = jobs.get(running.job_id)
    jobs.cancel_all_of("field")
    assert jobs.get(running.job_id) == ended
    assert claimed(one).job_id == other.job_id


def test_jobs_are_done_in_their_order_and_one_at_a_time(database: Database, jobs: Jobs) -> None:
    first, second, third = (submit(jobs, name) for name in "abc")
    assert [job.queue_position for job in (first, second, third)] == [1, 2, 3]
    one, other = worker(database, "one"), worker(database, "other")
    running = claimed(one)
    assert (running.job_id, running.state, running.attempt) == (first.job_id, JobState.RUNNING, 1)
    assert (other.claim(), one.claim()) == (None, None)
    assert jobs.get(third.job_id).queue_position == 2
    assert one.renew(first.job_id, PROGRESS) is False
    assert jobs.get(first.job_id).progress == PROGRESS
    assert one.end(first.job_id, JobState.DONE, progress=replace(PROGRESS, done=9))
    done = jobs.get(first.job_id)
    assert (done.state, done.progress, done.queue_position) == (
        JobState.DONE,
        replace(PROGRESS, done=9),
        None,
    )
    assert done.started_at is not None
    assert done.ended_at is not None
    assert done.created_at <= done.started_at <= done.ended_at
    assert claimed(other).job_id == second.job_id


def test_what_waits_already_is_not_queued_twice(database: Database, jobs: Jobs) -> None:
    first = submit(jobs, "a")
    assert submit(jobs, "a") == first
    others = [
        jobs.submit(library="other", source=first.source),
        jobs.submit(library="field", source={"uploads": True}),
        jobs.submit(library="field", source=first.source, retry_failed=True),
    ]
    assert [job.queue_position for job in others] == [2, 3, 4]
    claimed(worker(database, "one"))
    assert submit(jobs, "a").job_id != first.job_id, "a running one may have passed the file already"


def test_jobs_are_listed(database: Database, jobs: Jobs) -> None:
    assert jobs.list(limit=10) == []
    ids = [submit(jobs, name).job_id for name in "abc"]
    elsewhere = jobs.submit(library="foley", source={"uploads": True})
    claimed(worker(database, "one"))
    assert [job.job_id for job in jobs.list(limit=3)] == [elsewhere.job_id, ids[2], ids[1]]
    assert [job.job_id for job in jobs.list(library="field", limit=10)] == ids[::-1]
    assert [job.job_id for job in jobs.list(state=JobState.RUNNING, limit=10)] == [ids[0]]
    assert jobs.list(library="\0", limit=10) == []


def test_a_silent_workers_job_is_taken_up_and_no_longer_its_own(database: Database, jobs: Jobs) -> None:
    job_id = submit(jobs, "a").job_id
    silent, other = worker(database, "silent"), worker(database, "other")
    claimed(silent)
    Clock.now_s += 9
    assert other.claim() is None
    silent.renew(job_id, None)
    Clock.now_s += 9
    assert other.claim() is None, "it was heard of"
    Clock.now_s += 2
    assert claimed(other).attempt == 2
    assert silent.renew(job_id, PROGRESS) is None
    assert not silent.end(job_id, JobState.DONE, progress=PROGRESS)
    assert not silent.hand_back(job_id)
    assert jobs.get(job_id).state is JobState.RUNNING
    assert other.end(job_id, JobState.DONE, progress=None)


def test_a_dead_workers_job_is_taken_up_at_once_before_all_others(database: Database, jobs: Jobs) -> None:
    first, second = submit(jobs, "a"), submit(jobs, "b")
    dead: set[str] = set()
    other = worker(database, "other", dead=dead)
    claimed(worker(database, "dying"))
    assert other.claim() is None
    dead.add("dying")
    assert claimed(other).job_id == first.job_id
    assert jobs.get(second.job_id).queue_position == 1


def test_what_kills_its_workers_fails_in_the_end_and_may_be_tried_again(
    database: Database, jobs: Jobs
) -> None:
    job_id = submit(jobs, "a").job_id
    names = [f"worker {number}" for number in range(MOST_DEATHS)]
    for name in names:
        claimed(worker(database, name, dead=set(names)))
    assert worker(database, "last", dead=set(names)).claim() is None
    failed = jobs.get(job_id)
    assert (failed.state, failed.attempt) == (JobState.FAILED, MOST_DEATHS)
    assert "workers died" in (failed.error or "")
    again = jobs.retry(job_id)
    assert (again.state, again.error, again.queue_position) == (JobState.QUEUED, None, 1)
    claimed(worker(database, names[0], dead=set(names)))
    assert claimed(worker(database, names[1], dead=set(names))).job_id == job_id


def test_a_job_that_was_handed_back_is_the_next_and_no_death_is_counted(
    database: Database, jobs: Jobs
) -> None:
    first, _ = submit(jobs, "a"), submit(jobs, "b")
    for number in range(MOST_DEATHS + 1):
        one = worker(database, f"worker {number}")
        assert claimed(one).job_id == first.job_id
        assert one.hand_back(first.job_id)
        assert jobs.get(first.job_id).queue_position == 1


def test_jobs_are_cancelled_and_tried_again(database: Database, jobs: Jobs) -> None:
    first, second = submit(jobs, "a"), submit(jobs, "b")
    assert jobs.cancel(second.job_id).state is JobState.CANCELLED
    one = worker(database, "one")
    claimed(one)
    assert jobs.cancel(first.job_id).state is JobState.RUNNING, "its worker will see it"
    assert one.renew(first.job_id, None) is True
    with pytest.raises(JobStateError, match="running"):
        jobs.retry(first.job_id)
    assert one.end(first.job_id, JobState.CANCELLED, progress=PROGRESS)
    for ended in (first, second):
        with pytest.raises(JobStateError, match="cancelled"):
            jobs.cancel(ended.job_id)
    third = submit(jobs, "c")
    again = jobs.retry(first.job_id)
    assert (again.queue_position, again.progress, again.ended_at) == (2, None, None)
    assert claimed(one).job_id == third.job_id
    one.end(third.job_id, JobState.DONE, progress=None)
    with pytest.raises(JobStateError, match="done"):
        jobs.retry(third.job_id)
    assert claimed(one).job_id == first.job_id
    assert one.renew(first.job_id, None) is False, "the old wish is forgotten"


def test_a_job_whose_worker_dies_after_it_was_cancelled_stays_so(database: Database, jobs: Jobs) -> None:
    job_id = submit(jobs, "a").job_id
    claimed(worker(database, "dying"))
    jobs.cancel(job_id)
    assert worker(database, "other", dead={"dying"}).claim() is None
    assert jobs.get(job_id).state is JobState.CANCELLED


def test_what_is_no_job_or_no_library(jobs: Jobs) -> None:
    submit(jobs, "a")
    for unknown in ("9f2c61d0a4b7e853", "", "\0", "'; --", "é"):
        for ask in (jobs.get, jobs.cancel, jobs.retry):
            with pytest.raises(UnknownJobError):
                ask(unknown)
    with pytest.raises(InvalidLibraryNameError):
        jobs.submit(library=" ", source={"uploads": True})


def test_looking_makes_no_file(tmp_path: Path) -> None:
    database = open_database(tmp_path, None)
    assert Jobs(database).list(limit=1) == []
    assert worker(database, "one").claim() is None
    with pytest.raises(UnknownJobError):
        Jobs(database).get("1")
    assert list(tmp_path.iterdir()) == []


def test_many_workers_never_work_at_the_same_time_and_leave_nothing(
    database_url: str, tmp_path: Path
) -> None:
    """Each has its own connections, as processes have; half of them submit and claim at the same moment."""
    workers, each = 8, 5
    done: Counter[str] = Counter()
    at_work = threading.Semaphore(1)
    begin = threading.Barrier(workers)
    problems: list[str] = []

    def work(name: str) -> None:
        database = open_database(tmp_path, database_url)
        jobs, claims = Jobs(database), worker(database, name)
        begin.wait()
        for number in range(each):
            submit(jobs, f"{name}/{number}")
            # Whoever finds nothing sees another at work, or an empty queue.
            while (job := claims.claim()) is None and jobs.list(state=JobState.QUEUED, limit=1):
                pass
            if job is None:
                continue
            if not at_work.acquire(blocking=False):
                problems.append("two at once")
                continue
            done[job.job_id] += 1
            at_work.release()
            if not claims.end(job.job_id, JobState.DONE, progress=None):
                problems.append("the job was another's")
        database.close()

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    database = open_database(tmp_path, database_url)
    assert {job.state for job in Jobs(database).list(limit=1000)} == {JobState.DONE}
    assert len(done) == workers * each
    assert set(done.values()) == {1}
    database.close()


def test_workers_know_which_others_live(tmp_path: Path) -> None:
    with worker_lock(tmp_path) as one, worker_lock(tmp_path) as other:
        assert one != other
        assert not is_dead(tmp_path, one)
    assert not is_dead(tmp_path, one), "it ended in order, and has left nothing"
    assert not is_dead(tmp_path, "of another store")
    (tmp_path / "workers" / "killed.lock").touch()  # What a kill leaves: a file that nobody holds.
    assert is_dead(tmp_path, "killed")


@pytest.mark.parametrize("url", ["no url", "postgresql+nodriver://h/n", "postgresql+pg8000://u:secret@h/n"])
def test_a_database_that_cannot_be_opened_is_told_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match="database") as error:
        open_database(tmp_path, url)
    assert "secret" not in str(error.value)
