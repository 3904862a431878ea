"""Takes files and archives of them into a library, and has them indexed."""

import logging
from collections.abc import Callable
from typing import Any, cast

import anyio
from fastapi import APIRouter, Request, status

from service import examples, problems
from service.body import media_type
from service.endpoints.libraries import LibraryPath
from service.endpoints.state import Catalogue, Threads, WorkerThreads
from service.errors import BodyTooLargeError, DatabaseUnavailableError, UnsupportedMediaTypeError
from service.library_paths import decoded_name
from service.library_schemas import UploadedFile, UploadsOut
from service.limits import UPLOAD_LIMITS
from service.multipart_files import MultipartFiles
from service.upload_storage import UploadStorage
from service.uploads import Taken, take_files

router = APIRouter(prefix="/v1", tags=["libraries"])
logger = logging.getLogger(__name__)

SubmitJob = Callable[[str], dict[str, Any] | None]
"""Has the uploads of a library indexed; what the API says of that job, or None where nobody takes jobs."""

_WRITTEN_AT_ONCE = 1 << 20

_REQUEST_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "description": "Sounds, and zip, tar or tar.gz archives of them.",
                    }
                },
            },
            "examples": {
                "two": {"summary": "A sound and an archive", "value": {"file": ["rain.wav", "foley.zip"]}}
            },
        }
    },
}


@router.post(
    "/libraries/{name}/uploads",
    summary="Upload sounds",
    status_code=status.HTTP_202_ACCEPTED,
    response_model_exclude_none=False,
    openapi_extra={"requestBody": _REQUEST_BODY},
    responses=examples.answer(examples.UPLOADS, status=202)
    | problems.responses(
        problems.MALFORMED,
        problems.UNKNOWN_LIBRARY,
        problems.TOO_LARGE,
        problems.UNSUPPORTED_TYPE,
        problems.INVALID,
        problems.UNUSABLE_UPLOAD,
        problems.STORAGE_FULL,
        *problems.NOT_READY,
    ),
)
async def upload(
    name: LibraryPath, request: Request, catalogue: Catalogue, threads: WorkerThreads
) -> UploadsOut:
    """Store files in the server, under names of its own, and index them. What was sent comes in whole or, where the
    upload breaks off or is too large, not at all."""
    library = decoded_name(name)
    await threads.look_up(lambda: catalogue.library_to_fill(library))
    taken = await _receive(request, library, catalogue, threads)
    submit = cast(SubmitJob, request.app.state.submit_job)
    job: dict[str, Any] | None = None
    try:
        job = await threads.look_up(lambda: submit(library))
    except DatabaseUnavailableError:
        # The files are kept: an error would have them sent once more. The next upload's job, or any, takes them in.
        logger.warning("an upload was kept, but no job could be queued for it", exc_info=True)
    return UploadsOut(files=[_told(item) for item in taken], job=job)


async def _receive(request: Request, library: str, catalogue: Catalogue, threads: Threads) -> list[Taken]:
    content_type, limits = request.headers.get("content-type", ""), UPLOAD_LIMITS
    if media_type(request) != "multipart/form-data":
        raise UnsupportedMediaTypeError("Send a multipart form, with files in the field 'file'.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.request_bytes:
        raise BodyTooLargeError(f"The upload exceeds {limits.request_bytes >> 20:,} MiB.")
    storage = await threads.look_up(lambda: UploadStorage(catalogue.store_dir, library))
    try:
        body = MultipartFiles(content_type, new_path=lambda: storage.new_path(".part"), limits=limits)
        try:
            await _write_all(request, body, threads)
        finally:
            body.close()
        taken = await threads.look_up(lambda: take_files(storage, body.files, limits=limits))
        await threads.look_up(lambda: catalogue.library_to_fill(library))
        await threads.look_up(storage.keep)
    except FileNotFoundError:
        # The library was deleted meanwhile, and its folder with it.
        await threads.look_up(lambda: catalogue.library_to_fill(library))
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await threads.look_up(storage.close)
    return taken


async def _write_all(request: Request, body: MultipartFiles, threads: Threads) -> None:
    held = bytearray()
    async for part in request.stream():
        held += part
        if len(held) >= _WRITTEN_AT_ONCE:
            data, held = bytes(held), bytearray()
            await threads.look_up(lambda data=data: body.write(data))
    await threads.look_up(lambda: body.write(bytes(held)))
    body.finish()


def _told(item: Taken) -> UploadedFile:
    state = "accepted" if item.reason is None else "refused"
    return UploadedFile(filename=item.name, state=state, reason=item.reason)
