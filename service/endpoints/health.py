"""Whether the process lives, and whether it can answer searches: for containers and the page."""

from fastapi import APIRouter

from service import examples, problems
from service.endpoints.state import Service, WorkerThreads
from service.schemas import Alive, Ready

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Does the process live?", responses=examples.answer(examples.LIVES))
async def healthz() -> Alive:
    """Always 200 while the process can answer at all."""
    return Alive()


@router.get(
    "/readyz",
    summary="Can it answer searches?",
    responses=examples.answer(examples.READY) | problems.responses(*problems.NOT_READY),
)
async def readyz(service: Service, threads: WorkerThreads) -> Ready:
    """Answer 200 once the model is loaded and the store is open, 503 with the reason until then."""
    await threads.look_up(service.check)
    return Ready(model=service.space.name)
