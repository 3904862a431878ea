"""What every endpoint gets from the app: the runtime, threads to work in, and copies of clips to listen to."""

from typing import Annotated, cast

from fastapi import Depends, Request

from service.answering import Desk
from service.maps import Maps
from service.playable import PlayableCopies
from service.runtime import Runtime
from service.search_service import SearchService
from service.threads import Threads


def _service(request: Request) -> SearchService:
    return cast(Runtime, request.app.state.runtime).service()


def _threads(request: Request) -> Threads:
    return cast(Threads, request.app.state.threads)


def _copies(request: Request) -> PlayableCopies:
    return cast(PlayableCopies, request.app.state.copies)


def _maps(request: Request) -> Maps:
    return cast(Maps, request.app.state.maps)


def _desk(request: Request) -> Desk:
    return Desk(
        service=_service(request),
        threads=_threads(request),
        fetch=request.app.state.fetch,
        on_stage=request.app.state.on_stage,
    )


Service = Annotated[SearchService, Depends(_service)]
WorkerThreads = Annotated[Threads, Depends(_threads)]
Copies = Annotated[PlayableCopies, Depends(_copies)]
AnsweringDesk = Annotated[Desk, Depends(_desk)]
LibraryMaps = Annotated[Maps, Depends(_maps)]
