"""Reads a request's body within limits, whatever its sender claims.

FastAPI's own body parameters take one content type an operation and read without a limit; search takes two,
from strangers. So the body is read here, counted while it arrives, and refused as soon as it is too large.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

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
from service.schemas import UploadFields

M = TypeVar("M", bound=BaseModel)

MIB = 1024 * 1024
FILE_LIMITS = {"image": MAX_IMAGE_BYTES, "audio": MAX_AUDIO_BYTES}
FILE_NAMES = {"image": "picture", "audio": "sound"}


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A question with a file: its kind and content, the name its sender gave it, and the fields beside it."""

    kind: Literal["image", "audio"]
    content: bytes
    filename: str | None
    fields: UploadFields


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


async def read_upload(request: Request) -> Upload:
    """Read a multipart body with exactly one file, in the field ``image`` or ``audio``.

    Raises:
        MalformedRequestError, BodyTooLargeError, InvalidRequestError, RequestValidationError.
    """
    async with _form(_limited(request, MAX_AUDIO_BYTES + MULTIPART_OVERHEAD_BYTES)) as form:
        kind, file = _only_file(form)
        limit = FILE_LIMITS[kind]
        if (file.size or 0) > limit:
            raise BodyTooLargeError(f"The {FILE_NAMES[kind]} exceeds {limit // MIB} MiB.")
        fields = _fields(form, kind)
        return Upload(kind=kind, content=await file.read(), filename=file.filename or None, fields=fields)


def _limited(request: Request, limit: int) -> Request:
    """Return the request with a body that raises BodyTooLargeError once it exceeds ``limit`` bytes."""
    message = f"The body exceeds {limit // MIB} MiB."
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLargeError(message)
    return Request(request.scope, _counting(request.receive, limit, message))


def _counting(receive: Receive, limit: int, message: str) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        part = await receive()
        received += len(part.get("body", b""))
        if received > limit:
            raise BodyTooLargeError(message)
        return part

    return counted


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    try:
        form = await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MULTIPART_OVERHEAD_BYTES)
    except HTTPException as error:
        raise MalformedRequestError(f"The multipart body cannot be read: {error.detail}") from error
    try:
        yield form
    finally:
        await form.close()


def _only_file(form: FormData) -> tuple[Literal["image", "audio"], UploadFile]:
    image, audio = form.get("image"), form.get("audio")
    if isinstance(image, UploadFile) and audio is None:
        return "image", image
    if isinstance(audio, UploadFile) and image is None:
        return "audio", audio
    raise InvalidRequestError("Send exactly one file, in the field 'image' or 'audio'.", field="image")


def _fields(form: FormData, kind: str) -> UploadFields:
    # Forms in browsers send empty fields for what was left open; tags are a field each.
    sent = [(name, value) for name, value in form.multi_items() if name != kind and value != ""]
    given: dict[str, object] = dict(sent)
    if "tags" in given:
        given["tags"] = [value for name, value in sent if name == "tags"]
    try:
        return UploadFields.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
