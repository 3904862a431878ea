"""What can be searched: libraries, their clips, and what these can be filtered by."""

import base64
import binascii
import os
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from indexer.paths import path_from_bytes, path_to_bytes
from indexer.records import ClipStatus
from service import examples, problems
from service.endpoints.clips import clip_out
from service.endpoints.state import Catalogue, Service, WorkerThreads
from service.errors import InvalidRequestError
from service.library_paths import decoded_name
from service.library_schemas import ClipsOut, FacetsOut
from service.limits import DEFAULT_PAGE_CLIPS, MAX_PAGE_CLIPS
from service.schemas import LibrariesResponse, LibraryOut

router = APIRouter(prefix="/v1", tags=["libraries"])

LibraryPath = Annotated[
    str,
    Path(
        alias="name",
        min_length=1,
        max_length=1000,
        description="A library, percent-encoded, also its slashes.",
    ),
]
PageSize = Annotated[int, Query(ge=1, le=MAX_PAGE_CLIPS, description="How many clips at most.")]
Cursor = Annotated[
    str | None, Query(max_length=8192, description="`next` of the page before; the first page without it.")
]
Status = Annotated[
    Literal["indexed", "failed", "missing"] | None, Query(description="Only clips of this status.")
]
ValueLimit = Annotated[
    int, Query(ge=1, le=MAX_PAGE_CLIPS, description="How many values of each kind at most.")
]
_COMMON = (problems.UNKNOWN_LIBRARY, problems.INVALID, *problems.NOT_READY)


@router.get(
    "/libraries",
    summary="List the libraries",
    responses=examples.answer(examples.LIBRARIES) | problems.responses(problems.INVALID, *problems.NOT_READY),
)
async def list_libraries(service: Service, threads: WorkerThreads) -> LibrariesResponse:
    """Return every library with its number of clips, by name."""
    found = await threads.look_up(service.libraries)
    return LibrariesResponse(libraries=[LibraryOut(**asdict(library)) for library in found])


@router.get(
    "/libraries/{name}",
    summary="Describe a library",
    responses=examples.answer(examples.LIBRARY) | problems.responses(*_COMMON),
)
async def get_library(name: LibraryPath, catalogue: Catalogue, threads: WorkerThreads) -> LibraryOut:
    """Return how much is in one library."""
    return LibraryOut(**asdict(await threads.look_up(lambda: catalogue.library(decoded_name(name)))))


@router.get(
    "/libraries/{name}/clips",
    summary="Go through the clips of a library",
    response_model_exclude_none=True,
    responses=examples.answer(examples.CLIPS) | problems.responses(*_COMMON),
)
async def list_clips(
    name: LibraryPath,
    catalogue: Catalogue,
    threads: WorkerThreads,
    limit: PageSize = DEFAULT_PAGE_CLIPS,
    cursor: Cursor = None,
    status: Status = None,
) -> ClipsOut:
    """Return clips by path, a page at a time. While clips come and go, none is shown twice and none that stays is left
    out."""
    after = None if cursor is None else _place(cursor)
    wanted = None if status is None else ClipStatus(status)
    page = await threads.look_up(
        lambda: catalogue.clips(decoded_name(name), most=limit, after=after, status=wanted)
    )
    return ClipsOut(
        clips=[clip_out(clip) for clip in page.clips], next=None if page.last is None else _cursor(page.last)
    )


@router.get(
    "/libraries/{name}/facets",
    summary="What a library can be filtered by",
    responses=examples.answer(examples.FACETS) | problems.responses(*_COMMON),
)
async def get_facets(
    name: LibraryPath, catalogue: Catalogue, threads: WorkerThreads, limit: ValueLimit = 100
) -> FacetsOut:
    """Return the most frequent tags, licences and categories of clips that can be searched."""
    values = await threads.look_up(lambda: catalogue.filter_values(decoded_name(name), most=limit))
    return FacetsOut.model_validate(asdict(values))


def _cursor(path: FilePath) -> str:
    return base64.urlsafe_b64encode(path_to_bytes(path)).decode().rstrip("=")


def _place(cursor: str) -> FilePath:
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data.startswith(os.sep.encode()) or b"\0" in data:
        raise InvalidRequestError(
            "The cursor is none: take `next` of a page of this library as it is.", field="cursor"
        )
    return path_from_bytes(data)
