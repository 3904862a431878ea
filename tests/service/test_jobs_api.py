"""Jobs over REST: what may be asked for, what is answered, and a job's progress as it happens."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.database import Database, open_database
from service.errors import OverloadedError
from service.job_claims import JobClaims
from service.job_events import OPEN_STREAMS, Streams, job_events
from service.job_records import Job, JobProgress, JobState
from service.job_sources import AllowedSources
from service.jobs import Jobs
from service.keys import Keys, Scope
from service.limits import MAX_STREAMS
from tests.service.helpers import client_of


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "store", database_url)
    yield opened
    opened.close()


@pytest.fixture
def claims(database: Database) -> JobClaims:
    return JobClaims(database, worker="one", is_dead=lambda other: False)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    (tmp_path / "sounds" / "birds").mkdir(parents=True)
    return tmp_path / "sounds"


@pytest.fixture
def client(database_url: str, tmp_path: Path, sounds: Path) -> TestClient:
    allowed = AllowedSources(folders=[sounds], urls=["s3://sounds/free"])
    return client_of(
        create_app(store_dir=tmp_path / "store", database_url=database_url, allowed_sources=allowed)
    )


def submit(client: TestClient, source: dict[str, Any], **more: Any) -> Any:
    return client.post("/v1/jobs", json={"library": "birds", "source": source, **more})


def test_a_job_from_submission_to_its_end(client: TestClient, claims: JobClaims, sounds: Path) -> None:
    assert client.get("/v1/jobs").json() == {"jobs": []}
    answer = submit(client, {"folder": f"{sounds}/x/../birds"})
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['job_id']}"
    created = job.pop("created_at")
    assert job == {
        "job_id": job["job_id"],
        "library": "birds",
        "source": {"folder": str(sounds / "birds")},
        "retry_failed": False,
        "state": "queued",
        "attempt": 0,
        "queue_position": 1,
    }
    claims.claim()
    claims.renew(job["job_id"], JobProgress(done=1, total=4, indexed=0, unchanged=0, skipped=0, failed=1))
    running = client.get(answer.headers["location"]).json()
    assert (running["state"], running["created_at"], running["attempt"]) == ("running", created, 1)
    assert running["progress"]["total"] == 4
    assert "queue_position" not in running
    assert client.post(f"/v1/jobs/{job['job_id']}/retry").status_code == 409
    assert client.post(f"/v1/jobs/{job['job_id']}/cancel").json()["state"] == "running"
    claims.end(job["job_id"], JobState.FAILED, progress=None, error="The disk is full.")
    failed = client.get(answer.headers["location"]).json()
    assert (failed["state"], failed["error"]) == ("failed", "The disk is full.")
    refused = client.post(f"/v1/jobs/{job['job_id']}/cancel")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:sonoglot:problem:job-state")
    again = client.post(f"/v1/jobs/{job['job_id']}/retry").json()
    assert (again["state"], again["queue_position"]) == ("queued", 1)
    assert client.get("/v1/jobs?library=birds&state=queued&limit=1").json() == {"jobs": [again]}
    assert client.get("/v1/jobs?state=done").json() == {"jobs": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"library": "x"},
        {"library": "x", "source": {}},
        {"library": "x", "source": {"uploads": False}},
        {"library": "x", "source": {"uploads": True, "folder": "/"}},
        {"library": "x", "source": {"folder": "relative"}},
        {"library": "x", "source": {"folder": "/no/such/folder"}},
        {"library": "x", "source": {"folder": "/" + 300 * "x"}},
        {"library": "x", "source": {"folder": "/\0"}},
        {"library": "x", "source": {"folder": ""}},
        {"library": " ", "source": {"uploads": True}},
        {"library": "\0", "source": {"uploads": True}},
        {"library": "x", "source": {"uploads": True}, "more": 1},
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:sonoglot:problem:invalid-request")
    assert client.get("/v1/jobs").json() == {"jobs": []}


def test_there_is_no_such_job(client: TestClient) -> None:
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")):
        for job_id in ("9f2c61d0a4b7e853", "%00", "%C3%A9"):
            answer = client.request(method, f"/v1/jobs/{job_id}{path}")
            assert (answer.status_code, answer.json()["type"]) == (404, "urn:sonoglot:problem:unknown-job")


def test_with_keys_only_what_the_operator_allows(
    client: TestClient, database: Database, sounds: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "sounds-outside"
    outside.mkdir()
    (sounds / "out").symlink_to(outside)
    (sounds / "in").symlink_to(sounds / "birds")
    assert submit(client, {"folder": str(outside)}).status_code == 202, "without keys on loopback, any folder"
    _, key = Keys(database).create(name="", scope=Scope.INDEX)
    client.headers["Authorization"] = f"Bearer {key}"
    for folder in (outside, sounds / "out", tmp_path, Path("/"), sounds / ".." / "sounds-outside"):
        refused = submit(client, {"folder": str(folder)})
        assert (refused.status_code, "--allow-folder" in refused.json()["detail"]) == (403, True), folder
    for name in ("", "birds", "in"):
        accepted = submit(client, {"folder": str(sounds / name)})
        assert accepted.json()["source"] == {"folder": str(sounds / name)}, "not where a link leads"
    gone = submit(client, {"folder": str(sounds / "gone")})
    assert gone.status_code == 422
    assert submit(client, {"folder": str(tmp_path / "gone")}).status_code == 403, "nothing is told of it"
    assert submit(client, {"uploads": True}).status_code == 202


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("s3://sounds/free", 202),
        ("s3://sounds/free/", 202),
        ("s3://sounds/free/birds", 202),
        ("s3://sounds/freely", 403),
        ("s3://sounds", 403),
        ("s3://sounds/free/../paid", 403),
        ("s3://sounds/free/%2e%2E/paid", 403),
        ("s3://sounds/free/.%252E/paid", 403),
        ("s3://sounds/free/..%2fpaid", 403),
        ("s3://sounds/free/.\t./paid", 403),
        ("s3://sounds/free/100%/a..b", 202),
        ("s3://sounds/free::file:///etc", 403),
        ("simplecache::s3://sounds/free", 403),
        ("file:///etc", 403),
        ("", 422),
    ],
)
def test_urls_need_to_be_allowed_even_without_keys(client: TestClient, url: str, status: int) -> None:
    assert submit(client, {"url": url}).status_code == status


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream, with what they hold."""
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_progress_is_told_as_it_happens(client: TestClient, claims: JobClaims, database: Database) -> None:
    job_id = submit(client, {"uploads": True}).json()["job_id"]
    said: list[str] = []

    def follow() -> None:
        said.append(client.get(f"/v1/jobs/{job_id}/events").text)

    follower = threading.Thread(target=follow)
    follower.start()
    claims.claim()
    claims.end(job_id, JobState.DONE, progress=None)
    follower.join()
    events = events_of(said[0])
    assert events[0][1]["state"] in ("queued", "running", "done"), "the present state comes at once"
    assert events[-1] == ("end", client.get(f"/v1/jobs/{job_id}").json())
    assert all(name == "progress" for name, _ in events[:-1])
    after = client.get(f"/v1/jobs/{job_id}/events")
    assert after.headers["content-type"].startswith("text/event-stream")
    assert events_of(after.text) == events[-1:]


def test_each_change_is_told_once_and_nobody_is_told_for_ever(database: Database) -> None:
    jobs = Jobs(database)
    first = jobs.submit(library="birds", source={"uploads": True})
    claims = JobClaims(database, worker="one", is_dead=lambda other: False)
    looks = 0

    async def look() -> Job:
        nonlocal looks
        looks += 1
        if looks == 2:
            claims.claim()
        return jobs.get(first.job_id)

    async def is_over() -> bool:
        return looks == 3

    async def follow() -> str:
        return "".join([event async for event in job_events(first, look, is_over=is_over, look_s=0)])

    states = [job["state"] for _, job in events_of(asyncio.run(follow()))]
    assert states == ["queued", "running"]


def test_so_many_may_follow_at_one_time(database: Database) -> None:
    first = Jobs(database).submit(library="birds", source={"uploads": True})
    streams = Streams(most=2)

    async def look() -> Job:
        return first

    async def never() -> bool:
        return False

    def follow() -> AsyncGenerator[str, None]:
        return job_events(first, look, is_over=never, streams=streams)

    async def follow_many() -> None:
        follow()  # Its client went before it heard anything.
        followers = [follow(), follow()]
        for follower in followers:
            await anext(follower)
        with pytest.raises(OverloadedError):
            follow()
        await followers[0].aclose()
        await anext(follow())

    asyncio.run(follow_many())


def test_who_may_not_follow_is_told_when_to_come_back(client: TestClient) -> None:
    job_id = submit(client, {"uploads": True}).json()["job_id"]
    with ExitStack() as stack:
        for _ in range(MAX_STREAMS):
            stack.enter_context(OPEN_STREAMS.one_more())
        answer = client.get(f"/v1/jobs/{job_id}/events")
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:sonoglot:problem:overloaded")
    assert int(answer.headers["retry-after"]) > 0


def test_what_says_nothing_for_long_is_kept_open(database: Database) -> None:
    jobs = Jobs(database)
    first = jobs.submit(library="birds", source={"uploads": True})
    now_s = iter(range(0, 1000, 10))

    async def look() -> Job:
        return first

    async def take(count: int) -> list[str]:
        async def never() -> bool:
            return False

        events = job_events(first, look, is_over=never, look_s=0, now_s=lambda: next(now_s))
        return [await anext(events) for _ in range(count)]

    said = asyncio.run(take(3))
    assert said[0].startswith("event: progress\n")
    assert [text.startswith(": ") and text.endswith("\n\n") for text in said[1:]] == [True, True]
