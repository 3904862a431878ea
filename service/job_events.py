"""A job's progress as server-sent events: its state at once, then each change, until it ends or nobody listens."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio

from service.errors import OverloadedError
from service.job_records import Job
from service.job_schemas import job_out
from service.limits import MAX_STREAMS

LOOK_S = 0.5
RETRY_AFTER_S = 10.0
KEEP_ALIVE_S = 15.0
"""Proxies close what says nothing for longer."""


class Streams:
    """The streams that are open at one time, ``most`` or a few more: each asks the database again and again.

    For one event loop alone.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0

    def check_room(self) -> None:
        """Raise OverloadedError if no more may be opened."""
        if self._open >= self._most:
            raise OverloadedError(
                f"{self._most} clients follow jobs already: ask for the job itself now and then, or again later.",
                retry_after_s=RETRY_AFTER_S,
            )

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count a stream while it is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


OPEN_STREAMS = Streams(MAX_STREAMS)
"""Those of this process, which is one server."""


def job_events(
    first: Job,
    look: Callable[[], Awaitable[Job]],
    *,
    is_over: Callable[[], Awaitable[bool]],
    look_s: float = LOOK_S,
    now_s: Callable[[], float] = time.monotonic,
    streams: Streams = OPEN_STREAMS,
) -> AsyncGenerator[str, None]:
    """Events, as they happen. ``look`` reads the job again, every ``look_s`` seconds; ``is_over``: the client has gone,
    or the server stops. Raises OverloadedError, at once."""
    streams.check_room()
    # Counted from its first event on: one that nobody takes an event of is never closed either.
    return _events(first, look, is_over, look_s, now_s, streams)


async def _events(
    first: Job,
    look: Callable[[], Awaitable[Job]],
    is_over: Callable[[], Awaitable[bool]],
    look_s: float,
    now_s: Callable[[], float],
    streams: Streams,
) -> AsyncGenerator[str, None]:
    with streams.one_more():
        job, said_at = first, now_s()
        yield _event(job)
        while not job.state.is_end:
            await anyio.sleep(look_s)
            if await is_over():
                return
            before, job = job, await look()
            if job != before:
                yield _event(job)
                said_at = now_s()
            elif (now := now_s()) - said_at >= KEEP_ALIVE_S:
                yield ": still there\n\n"
                said_at = now


def _event(job: Job) -> str:
    name = "end" if job.state.is_end else "progress"
    return f"event: {name}\ndata: {job_out(job).model_dump_json(exclude_none=True)}\n\n"
