"""What every endpoint gets from the app: the runtime, threads to work in, and copies of clips to listen to."""

from collections.abc import Callable
from typing import Annotated, TypeVar, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from service.catalog_service import CatalogService
from service.playable import PlayableCopies
from service.runtime import Runtime
from service.search_service import SearchService

T = TypeVar("T")


class Threads:
    """Runs blocking work off the event loop.

    One inference at a time: torch uses every core for one already, and two only slow each other down.
    Drawing a clip has a thread of its own, so that a long one never delays a search.
    """

    def __init__(self) -> None:
        self._inference = CapacityLimiter(1)
        self._drawing = CapacityLimiter(1)

    async def infer(self, work: Callable[[], T]) -> T:
        """Run work that embeds."""
        return await to_thread.run_sync(work, limiter=self._inference)

    async def draw(self, work: Callable[[], T]) -> T:
        """Run work that decodes a clip for display."""
        return await to_thread.run_sync(work, limiter=self._drawing)

    async def look_up(self, work: Callable[[], T]) -> T:
        """Run short work on the catalogue or the disk."""
        return await to_thread.run_sync(work)


def _service(request: Request) -> SearchService:
    return cast(Runtime, request.app.state.runtime).service()


def _threads(request: Request) -> Threads:
    return cast(Threads, request.app.state.threads)


def _copies(request: Request) -> PlayableCopies:
    return cast(PlayableCopies, request.app.state.copies)


Service = Annotated[SearchService, Depends(_service)]
WorkerThreads = Annotated[Threads, Depends(_threads)]
Copies = Annotated[PlayableCopies, Depends(_copies)]


def _catalog_service(service: Service) -> CatalogService:
    return CatalogService(service)


Catalogue = Annotated[CatalogService, Depends(_catalog_service)]
