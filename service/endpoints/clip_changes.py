"""What users change of clips: what they are called, and that they go."""

from fastapi import APIRouter, Request, status

from service import examples, problems
from service.body import read_json
from service.endpoints.clips import ClipPath, clip_out
from service.endpoints.state import Catalogue, WorkerThreads
from service.library_schemas import ClipPatch
from service.schemas import ClipOut

router = APIRouter(prefix="/v1/clips", tags=["clips"])

_COMMON = (problems.UNKNOWN_CLIP, problems.STORE_BUSY, problems.INVALID, *problems.NOT_READY)


@router.patch(
    "/{clip_id}",
    summary="Say what a clip is called",
    response_model_exclude_none=True,
    openapi_extra={"requestBody": examples.json_body(ClipPatch, examples.SAID)},
    responses=examples.answer(examples.CLIP)
    | problems.responses(problems.MALFORMED, problems.TOO_LARGE, *_COMMON),
)
async def patch_clip(
    clip_id: ClipPath, request: Request, catalogue: Catalogue, threads: WorkerThreads
) -> ClipOut:
    """Lay your own words over what the file and its tables say; indexing again keeps them, and null takes them back."""
    patch = await read_json(request, ClipPatch)
    return clip_out(await threads.look_up(lambda: catalogue.describe_clip(clip_id, patch.said())))


@router.delete(
    "/{clip_id}",
    summary="Delete a clip",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.responses(*_COMMON),
)
async def delete_clip(clip_id: ClipPath, catalogue: Catalogue, threads: WorkerThreads) -> None:
    """Take a clip out of its library for good. An uploaded file is deleted; a file in your own folders is not, and
    stays out until `sonoglot index` is given that file itself."""
    await threads.look_up(lambda: catalogue.delete_clip(clip_id))
