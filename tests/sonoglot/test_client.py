"""The client against a stand-in that answers as docs/api.md says, for what takes a server's cooperation to see: busy
servers, broken connections, pages, jobs and uploads."""

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sonoglot.client import AsyncClient, Client, Job, Retry, SonoglotError
from tests.service.http_server import listening

Ask = Callable[..., Any]
RETRY = Retry(times=2, longest_wait_s=0.01)

CLIP = {
    "clip_id": "a", "path": "/a.wav", "library": "foley", "duration_s": 2.0, "status": "indexed",
    "audio_url": "/v1/clips/a/audio", "tags": ["door"],
}  # fmt: skip
JOB = {
    "job_id": "j1", "library": "foley", "source": {"uploads": True}, "state": "running", "attempt": 1,
    "created_at": "2026-01-01T00:00:00Z", "progress": {"done": 1, "total": 2, "indexed": 1},
}  # fmt: skip
ANSWER = {"query": {"kind": "text"}, "model": "m", "took_ms": 1.0, "generation": 7, "hits": []}
PROBLEM = {"type": "urn:sonoglot:problem:overloaded", "title": "Too much", "status": 429, "detail": "Later."}


class StandIn:
    """Answers as the API does; ``busy`` so often first, and breaks events off so often."""

    def __init__(self) -> None:
        self.busy = 0
        self.breaks = 0
        self.retry_after = "0"
        self.asked: list[tuple[str, str, Any]] = []
        self.app = Starlette(
            routes=[Route("/{path:path}", self.answer, methods=["GET", "POST", "PATCH", "DELETE"])]
        )

    async def answer(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/v1")
        if request.headers.get("content-type", "").startswith("multipart"):
            form = await request.form()
            body: Any = [(name, getattr(value, "filename", value)) for name, value in form.multi_items()]
        else:
            body = json.loads(await request.body() or "null")
        self.asked.append((request.method, path, body))
        if self.busy:
            self.busy -= 1
            return JSONResponse(PROBLEM, 429, headers={"Retry-After": self.retry_after})
        match request.method, path:
            case "POST", "/search":
                more = {} if isinstance(body, list) or body.get("cursor") == "c2" else {"next": "c2"}
                return JSONResponse(ANSWER | more | {"of_a_newer_server": 1})
            case "POST", "/search/batch":
                return JSONResponse({"answers": [ANSWER, PROBLEM]})
            case "GET", "/libraries/foley/clips":
                more = {} if request.query_params.get("cursor") else {"next": "c"}
                return JSONResponse({"clips": [CLIP], **more})
            case "PATCH", "/clips/a":
                return JSONResponse(CLIP | body)
            case "DELETE", _:
                return Response(status_code=204)
            case "POST", "/clips/a/tags":
                return JSONResponse({"tags": [{"tag": "door", "score": 0.3, "probability": 0.9}]})
            case "POST", "/libraries/foley/uploads":
                files = [{"filename": name, "state": "accepted"} for _, name in body]
                return JSONResponse({"files": files, "job": JOB}, 202)
            case "POST", "/jobs":
                return JSONResponse(JOB | body | {"state": "queued"}, 202)
            case "GET", "/jobs":
                return JSONResponse({"jobs": [JOB]})
            case "GET", "/jobs/j1/events":
                return StreamingResponse(self.events(), media_type="text/event-stream")
            case "GET", "/libraries/html":
                return PlainTextResponse("<html>")
        return PlainTextResponse("no such thing", 404)

    async def events(self) -> AsyncIterator[str]:
        yield f": hello\nid: 1\nevent: progress\ndata: {json.dumps(JOB)}\n\n"
        if self.breaks:
            self.breaks -= 1
            return
        done = json.dumps(JOB | {"state": "done"}, indent=1).replace("\n", "\ndata: ")
        yield f"event: end\ndata: {done}\n\n"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[StandIn, str]]:
    standing_in = StandIn()
    with listening(standing_in.app, lifespan="off") as url:
        yield standing_in, url


@pytest.fixture
def server(served: tuple[StandIn, str]) -> StandIn:
    standing_in, _ = served
    standing_in.busy = standing_in.breaks = 0
    standing_in.retry_after = "0"
    standing_in.asked.clear()
    return standing_in


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, served: tuple[StandIn, str]) -> Ask:
    """Calls a method by its name, and collects what it gives one by one."""
    _, url = served

    def ask_client(method: str, *args: Any, **options: Any) -> Any:
        with Client(url, retry=RETRY) as client:
            given = getattr(client, method)(*args, **options)
            return list(given) if inspect.isgenerator(given) else given

    async def ask_async_client(method: str, *args: Any, **options: Any) -> Any:
        async with AsyncClient(url, retry=RETRY) as client:
            given = getattr(client, method)(*args, **options)
            return [one async for one in given] if inspect.isasyncgen(given) else await given

    if request.param == "sync":
        return ask_client
    return lambda *args, **options: asyncio.run(ask_async_client(*args, **options))


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in vars(kind).items()
            if inspect.isfunction(method) and not name.startswith("_")
        }

    own, other = methods(Client), methods(AsyncClient)
    other["close"] = other.pop("aclose")
    assert own == other
    assert "search" in own


def test_importing_it_imports_nothing_heavy() -> None:
    program = "import sys, sonoglot.client; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    assert "httpx" in loaded
    assert not loaded & {"torch", "faiss", "numpy", "fastapi", "sqlalchemy", "service", "indexer", "model"}


def test_pages_follow_the_cursor(server: StandIn, ask: Ask) -> None:
    pages = ask("pages", "rain", k=5)
    assert [page.next for page in pages] == ["c2", None]
    assert [body for _, _, body in server.asked] == [{"text": "rain", "k": 5}, {"cursor": "c2"}]
    assert pages[0].generation == 7


def test_a_batch_has_answers_and_problems(server: StandIn, ask: Ask) -> None:
    answer, problem = ask("search_batch", [{"text": "rain"}, {"clip_id": "a", "k": 1}])
    assert answer.model == "m"
    assert isinstance(problem, SonoglotError)
    assert (problem.name, problem.status) == ("overloaded", 429)
    assert server.asked[0][2] == {"searches": [{"text": "rain"}, {"clip_id": "a", "k": 1}]}


def test_a_question_with_a_file_is_a_form(server: StandIn, ask: Ask) -> None:
    ask("search", "rain", image=b"x", tags=["a", "b"], without=["c"], k=3)
    fields = server.asked[-1][2]
    assert sorted(fields) == sorted(
        [("text", "rain"), ("tags", "a"), ("tags", "b"), ("without", "c"), ("k", "3"), ("image", "upload")]
    )


def test_clips_are_gone_through_changed_tagged_and_deleted(server: StandIn, ask: Ask) -> None:
    assert [clip.tags for clip in ask("clips", "foley", status="indexed")] == [("door",), ("door",)]
    assert ask("update_clip", "a", title="Door", artist=None).title == "Door"
    assert server.asked[-1] == ("PATCH", "/clips/a", {"title": "Door", "artist": None})
    assert ask("tags", "a", ["door", "rain"], k=1)[0].probability == 0.9
    assert server.asked[-1][2] == {"vocabulary": ["door", "rain"], "k": 1}
    assert ask("delete_clip", "a") is None
    assert ask("delete_library", "a b/c") is None
    assert server.asked[-1][1] == "/libraries/a b/c"


def test_files_are_uploaded_under_their_names(server: StandIn, ask: Ask, tmp_path: Path) -> None:
    for name in ("a.wav", "b.zip"):
        (tmp_path / name).write_bytes(b"x" * 100_000)
    uploaded = ask("upload", "foley", tmp_path / "a.wav", str(tmp_path / "b.zip"))
    assert [(file.filename, file.state) for file in uploaded.files] == [
        ("a.wav", "accepted"),
        ("b.zip", "accepted"),
    ]
    assert uploaded.job.job_id == "j1"
    with pytest.raises(OSError, match=r"c\.wav"):
        ask("upload", "foley", tmp_path / "c.wav")


def test_a_job_is_submitted_listed_and_waited_for(server: StandIn, ask: Ask) -> None:
    assert ask("submit_job", "foley", {"folder": "/sounds"}, retry_failed=True).state == "queued"
    assert server.asked[-1][2] == {"library": "foley", "source": {"folder": "/sounds"}, "retry_failed": True}
    assert [job.has_ended for job in ask("jobs", state="running", limit=1)] == [False]
    heard: list[Job] = []
    ended = ask("wait_for_job", "j1", on_progress=heard.append)
    assert (ended.state, ended.has_ended) == ("done", True)
    assert [job.progress.indexed for job in heard] == [1]


def test_waiting_survives_broken_connections(server: StandIn, ask: Ask) -> None:
    server.breaks = 2
    assert ask("wait_for_job", "j1").state == "done"
    assert len(server.asked) == 3


def test_a_busy_server_is_asked_again_but_not_for_ever(server: StandIn, ask: Ask) -> None:
    server.busy = 2
    assert ask("search", "rain").model == "m"
    server.busy = 3
    with pytest.raises(SonoglotError) as caught:
        ask("search", "rain")
    assert (caught.value.name, server.busy) == ("overloaded", 0)
    server.busy, server.retry_after = 1, "60"  # longer than this client waits
    with pytest.raises(SonoglotError) as caught:
        ask("search", "rain")
    assert caught.value.retry_after_s == 60


def test_a_busy_server_gets_files_again_in_full(server: StandIn, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x" * 100_000)
    server.busy = 1
    ask("upload", "foley", tmp_path / "a.wav")
    assert [body for _, _, body in server.asked] == [[("file", "a.wav")]] * 2


def test_an_answer_of_another_server_is_told(server: StandIn, ask: Ask) -> None:
    with pytest.raises(SonoglotError, match="is it a Sonoglot server"):
        ask("library", "html")
    with pytest.raises(SonoglotError, match="404 Not Found"):
        ask("library", "none")
