"""A job's progress as server-sent events: its state at once, then each change, until it ends or nobody listens."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import anyio

from service.job_records import Job
from service.job_schemas import job_out

LOOK_S = 0.5
KEEP_ALIVE_S = 15.0
"""Proxies close what says nothing for longer."""


async def job_events(
    first: Job,
    look: Callable[[], Awaitable[Job]],
    *,
    is_over: Callable[[], Awaitable[bool]],
    look_s: float = LOOK_S,
    now_s: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[str, None]:
    """Yield events. ``look`` reads the job again, every ``look_s`` seconds; ``is_over``: the client has gone, or the
    server stops."""
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
