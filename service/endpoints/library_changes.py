"""Libraries that come and go. A library may be made empty, to be uploaded to; indexing makes those that it needs."""

from dataclasses import asdict
from typing import cast

from fastapi import APIRouter, Request, Response, status

from service import examples, problems
from service.body import read_json
from service.endpoints.jobs import JobsDependency
from service.endpoints.libraries import LibraryPath
from service.endpoints.state import Catalogue, WorkerThreads
from service.library_paths import address_of, decoded_name
from service.library_schemas import NewLibrary
from service.runtime import Runtime
from service.schemas import LibraryOut

router = APIRouter(prefix="/v1", tags=["libraries"])
admin_router = APIRouter(prefix="/v1", tags=["libraries"])


@router.post(
    "/libraries",
    summary="Make a library",
    status_code=status.HTTP_201_CREATED,
    openapi_extra={"requestBody": examples.json_body(NewLibrary, {"name": "погода"})},
    responses=examples.answer(examples.LIBRARY, status=201)
    | problems.responses(
        problems.MALFORMED,
        problems.TOO_LARGE,
        problems.LIBRARY_EXISTS,
        problems.STORE_BUSY,
        problems.INVALID,
        problems.LOADING,
        problems.NOT_AVAILABLE,
    ),
)
async def create_library(
    request: Request, response: Response, catalogue: Catalogue, threads: WorkerThreads
) -> LibraryOut:
    """Make an empty library, and the store with the first."""
    asked = await read_json(request, NewLibrary)
    made = await threads.look_up(lambda: catalogue.create_library(asked.name))
    response.headers["Location"] = address_of(made.name)
    return LibraryOut(**asdict(made))


@admin_router.delete(
    "/libraries/{name}",
    summary="Delete a library",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.responses(
        problems.UNKNOWN_LIBRARY, problems.STORE_BUSY, problems.INVALID, *problems.NOT_READY
    ),
)
async def delete_library(
    name: LibraryPath, request: Request, catalogue: Catalogue, jobs: JobsDependency, threads: WorkerThreads
) -> None:
    """Forget a library, its clips, and the files that were uploaded to it. Files in your own folders are left alone.
    Its jobs are cancelled; where one that runs takes more than a moment to end, or another library is indexed, the
    answer is 409: ask again."""
    await threads.look_up(lambda: catalogue.remove_library(decoded_name(name), jobs))
    cast(Runtime, request.app.state.runtime).publish_index()
