"""What every endpoint gets from the app: the runtime, threads to work in, and copies of clips to listen to.

Coroutines, though nothing is waited for: FastAPI would run a plain function in a thread, which costs more than it does.
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from service.answering import Desk
from service.catalog_service import CatalogService
from service.maps import Maps
from service.playable import PlayableCopies
from service.runtime import Runtime
from service.search_service import SearchService
from service.threads import Threads


async def _service(request: Request) -> SearchService:
    return cast(Runtime, request.app.state.runtime).service()


async def _threads(request: Request) -> Threads:
    return cast(Threads, request.app.state.threads)


async def _copies(request: Request) -> PlayableCopies:
    return cast(PlayableCopies, request.app.state.copies)


async def _maps(request: Request) -> Maps:
    return cast(Maps, request.app.state.maps)


def desk_of(request: Request) -> Desk:
    """Where questions are answered. No dependency of FastAPI's, for search is what is asked most, and each of those
    takes a tenth of a millisecond."""
    return Desk(
        service=cast(Runtime, request.app.state.runtime).service(),
        threads=request.app.state.threads,
        fetch=request.app.state.fetch,
        on_stage=request.app.state.on_stage,
    )


Service = Annotated[SearchService, Depends(_service)]
WorkerThreads = Annotated[Threads, Depends(_threads)]
Copies = Annotated[PlayableCopies, Depends(_copies)]
LibraryMaps = Annotated[Maps, Depends(_maps)]


async def _catalog_service(service: Service) -> CatalogService:
    return CatalogService(service)


Catalogue = Annotated[CatalogService, Depends(_catalog_service)]
