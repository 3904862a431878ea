"""Threads that blocking work is done in, so that the event loop answers meanwhile."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class Threads:
    """Runs blocking work off the event loop.

    One inference at a time, here or in a process that is waited for: torch uses every core for one already, and two
    only slow each other down. All of them in one thread, for the memory that torch works in stays with every thread
    that it ever worked in. Drawing a clip has a thread of its own, so that a long one never delays a search. Searches
    of an index take turns, as many at once as there are cores: more of them wait for each other in Python, and hold up
    the event loop.
    """

    def __init__(self) -> None:
        self.fetching = CapacityLimiter(2)
        """Held while a file that was fetched is in memory."""
        self._inference = ThreadPoolExecutor(1, "infer")
        self._drawing = ThreadPoolExecutor(1, "draw")
        self._searching = CapacityLimiter(os.cpu_count() or 1)

    async def infer(self, work: Callable[[], T]) -> T:
        """Run work that embeds."""
        return await _run(self._inference, work)

    async def draw(self, work: Callable[[], T]) -> T:
        """Run work that decodes a clip for display."""
        return await _run(self._drawing, work)

    async def search(self, work: Callable[[], T]) -> T:
        """Run a search of an index."""
        return await to_thread.run_sync(work, limiter=self._searching)

    async def look_up(self, work: Callable[[], T]) -> T:
        """Run short work on the catalogue or the disk."""
        return await to_thread.run_sync(work)


async def _run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    # With the request's own context, so that what is logged on the way names it.
    return await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, work)
