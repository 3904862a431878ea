"""Clients that drop a stream of a job's progress, over real connections: nothing of it stays behind in the server."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from service.app import create_app
from service.database import open_database
from service.embedder import open_here
from service.job_events import OPEN_STREAMS
from service.jobs import Jobs
from service.limits import MAX_STREAMS
from tests.service.helpers import wait_until
from tests.service.http_server import listening

STREAMS = 10
DEADLINE_S = 30.0
ABRUPTLY = struct.pack("ii", 1, 0)  # SO_LINGER: the connection is reset, not ended


class Watched:
    """An app, and what its event loop has to do."""

    def __init__(self, store_dir: Path) -> None:
        self.app = create_app(store_dir=store_dir, open_embedder=partial(open_here, store_dir / "no-model"))
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        await self.app(scope, receive, send)

    def tasks(self) -> int:
        """How many tasks there are, but for the one that counts."""

        async def count() -> int:
            return len(asyncio.all_tasks()) - 1

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(count(), self._loop).result(DEADLINE_S)


@pytest.fixture
def job_id(tmp_path: Path) -> str:
    """A job that waits for ever, for there is no worker."""
    database = open_database(tmp_path, None)
    job = Jobs(database).submit(library="x", source={"uploads": True})
    database.close()
    return job.job_id


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


@pytest.fixture
def url(watched: Watched) -> Iterator[str]:
    with listening(watched) as url:
        yield url


def follow(url: str, job_id: str) -> socket.socket:
    """A connection on which the first event has come."""
    port = urlsplit(url).port
    connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    connection.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    received = b""
    while b"event: progress" not in received:
        part = connection.recv(4096)
        assert part, received
        received += part
    return connection


@pytest.mark.parametrize("abruptly", [False, True], ids=["closed", "reset"])
def test_a_dropped_stream_leaves_neither_task_nor_thread(
    watched: Watched, url: str, job_id: str, abruptly: bool
) -> None:
    httpx.get(f"{url}/v1/jobs/{job_id}", trust_env=False).raise_for_status()
    before = watched.tasks()
    threads = threading.active_count()
    for _ in range(STREAMS):
        connection = follow(url, job_id)
        assert watched.tasks() > before
        if abruptly:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPTLY)
        connection.close()
        wait_until(lambda: watched.tasks() <= before)
    assert threading.active_count() <= threads + 1, "one at a time, they share the threads that are there"


def test_streams_that_are_dropped_together_end_together(watched: Watched, url: str, job_id: str) -> None:
    httpx.get(f"{url}/v1/jobs/{job_id}", trust_env=False).raise_for_status()
    before = watched.tasks()
    connections = [follow(url, job_id) for _ in range(STREAMS)]
    assert watched.tasks() >= before + STREAMS
    for connection in connections:
        connection.close()
    wait_until(lambda: watched.tasks() <= before)
    with ExitStack() as stack:
        for _ in range(MAX_STREAMS):  # All of them have given their places back.
            OPEN_STREAMS.check_room()
            stack.enter_context(OPEN_STREAMS.one_more())
