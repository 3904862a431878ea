"""Threads that blocking work is done in, so that the event loop answers meanwhile."""

import os
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class Threads:
    """Runs blocking work off the event loop.

    One inference at a time: torch uses every core for one already, and two only slow each other down.
    Drawing a clip has a thread of its own, so that a long one never delays a search. Searches of an index take turns,
    as many at once as there are cores: more of them wait for each other in Python, and hold up the event loop.
    """

    def __init__(self) -> None:
        self.fetching = CapacityLimiter(2)
        """Held while a file that was fetched is in memory."""
        self._inference = CapacityLimiter(1)
        self._drawing = CapacityLimiter(1)
        self._searching = CapacityLimiter(os.cpu_count() or 1)

    async def infer(self, work: Callable[[], T]) -> T:
        """Run work that embeds."""
        return await to_thread.run_sync(work, limiter=self._inference)

    async def draw(self, work: Callable[[], T]) -> T:
        """Run work that decodes a clip for display."""
        return await to_thread.run_sync(work, limiter=self._drawing)

    async def search(self, work: Callable[[], T]) -> T:
        """Run a search of an index."""
        return await to_thread.run_sync(work, limiter=self._searching)

    async def look_up(self, work: Callable[[], T]) -> T:
        """Run short work on the catalogue or the disk."""
        return await to_thread.run_sync(work)
