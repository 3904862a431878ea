"""Reads a request's body within limits, whatever its sender claims.

FastAPI's own body parameters take one content type an operation and read without a limit; search takes two,
from strangers. So the body is read here, counted while it arrives, and refused as soon as it is too large.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from service.errors import BodyTooLargeError, InvalidRequestError, MalformedRequestError
from service.limits import (
    MAX_AUDIO_BYTES,
    MAX_FIELDS,
    MAX_IMAGE_BYTES,
    MAX_JSON_BYTES,
    MULTIPART_OVERHEAD_BYTES,
)
from service.search_schemas import UploadFields

M = TypeVar("M", bound=BaseModel)

MIB = 1024 * 1024
FILE_LIMITS = {"image": MAX_IMAGE_BYTES, "audio": MAX_AUDIO_BYTES}
_MAX_UPLOAD_BYTES = MAX_AUDIO_BYTES + MAX_IMAGE_BYTES + MULTIPART_OVERHEAD_BYTES
_LISTS = {"tags", "without"}
FILE_NAMES = {"image": "picture", "audio": "sound"}


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """A file's content, and the name that its sender gave it."""

    content: bytes
    filename: str | None


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A question with a picture, a sound, or both, and the fields beside them."""

    image: UploadedFile | None
    audio: UploadedFile | None
    fields: UploadFields

    @property
    def filenames(self) -> list[str]:
        """Names of the files, as far as they have any."""
        return [file.filename for file in (self.image, self.audio) if file is not None and file.filename]


def media_type(request: Request) -> str:
    """Return the body's content type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, schema: type[M]) -> M:
    """Read and validate a JSON body.

    Raises:
        MalformedRequestError, BodyTooLargeError, RequestValidationError.
    """
    content = await _limited(request, MAX_JSON_BYTES).body()
    try:
        return schema.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise MalformedRequestError(
                f"The body is not valid JSON: {first.get('ctx', {}).get('error', 'unknown')}."
            ) from error
        raise RequestValidationError(error.errors()) from error


def most_bytes(request: Request) -> int:
    """Return how large a question with files may become, as its sender says or as is allowed."""
    declared = request.headers.get("content-length", "")
    return min(int(declared), _MAX_UPLOAD_BYTES) if declared.isdigit() else _MAX_UPLOAD_BYTES


async def read_upload(request: Request) -> Upload:
    """Read a multipart body with a file in the field ``image`` or ``audio``, or in both.

    Raises:
        MalformedRequestError, BodyTooLargeError, InvalidRequestError, RequestValidationError.
    """
    async with _form(_limited(request, _MAX_UPLOAD_BYTES)) as form:
        files = {name: await _file(form, name) for name in FILE_LIMITS}
        if not any(files.values()):
            raise InvalidRequestError("Send a file in the field 'image' or 'audio'.", field="image")
        return Upload(image=files["image"], audio=files["audio"], fields=_fields(form))


def _limited(request: Request, limit: int) -> Request:
    """Return the request with a body that raises BodyTooLargeError once it exceeds ``limit`` bytes."""
    message = f"The body exceeds {limit // MIB} MiB."
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLargeError(message)
    return Request(request.scope, counting(request.receive, limit, BodyTooLargeError(message)))


def counting(receive: Receive, limit: int, error: Exception) -> Receive:
    """Return what receives the same body, and raises ``error`` once that exceeds ``limit`` bytes."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        part = await receive()
        received += len(part.get("body", b""))
        if received > limit:
            raise error
        return part

    return counted


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    try:
        form = await request.form(
            max_files=len(FILE_LIMITS), max_fields=MAX_FIELDS, max_part_size=MULTIPART_OVERHEAD_BYTES
        )
    except HTTPException as error:
        raise MalformedRequestError(f"The multipart body cannot be read: {error.detail}") from error
    try:
        yield form
    finally:
        await form.close()


async def _file(form: FormData, name: str) -> UploadedFile | None:
    sent = [value for value in form.getlist(name) if value != ""]  # what browsers send for a field left open
    if not sent:
        return None
    if len(sent) > 1 or not isinstance(sent[0], UploadFile):
        raise InvalidRequestError(f"The field '{name}' takes one file.", field=name)
    limit = FILE_LIMITS[name]
    if (sent[0].size or 0) > limit:
        raise BodyTooLargeError(f"The {FILE_NAMES[name]} exceeds {limit // MIB} MiB.")
    return UploadedFile(content=await sent[0].read(), filename=sent[0].filename or None)


def _fields(form: FormData) -> UploadFields:
    # Forms in browsers send empty fields for what was left open; lists are a field for each of theirs.
    sent = [(name, value) for name, value in form.multi_items() if name not in FILE_LIMITS and value != ""]
    given: dict[str, object] = dict(sent)
    for several in _LISTS & given.keys():
        given[several] = [value for name, value in sent if name == several]
    try:
        return UploadFields.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
