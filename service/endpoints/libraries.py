"""What can be searched."""

from dataclasses import asdict

from fastapi import APIRouter

from service import examples, problems
from service.endpoints.state import Service, WorkerThreads
from service.schemas import LibrariesResponse, LibraryOut

router = APIRouter(prefix="/v1", tags=["libraries"])


@router.get(
    "/libraries",
    summary="List the libraries",
    responses=examples.answer(examples.LIBRARIES) | problems.responses(*problems.NOT_READY),
)
async def list_libraries(service: Service, threads: WorkerThreads) -> LibrariesResponse:
    """Return every library with its number of clips, by name."""
    found = await threads.look_up(service.libraries)
    return LibrariesResponse(libraries=[LibraryOut(**asdict(library)) for library in found])
