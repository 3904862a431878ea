"""The one place where errors become ``application/problem+json`` (RFC 9457).

Every error that a client can cause is mapped here to a status and a stable ``type``; whatever is not mapped
is our own defect and becomes a 500 that says nothing about paths or code (the log has the traceback).
"""

import logging
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from indexer import errors as indexer_errors
from model import errors as model_errors
from service import errors
from service.logs import NO_REQUEST, request_id
from service.schemas import FieldProblem, Problem

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
BUSY_RETRY_AFTER_S = "10"  # a run of indexing takes seconds to hours; nobody can tell


@dataclass(frozen=True)
class Kind:
    """A sort of problem: its status, its stable name, its title, and an example of its detail."""

    status: int
    name: str
    title: str
    example: str

    @property
    def type(self) -> str:
        """The problem's ``type``, an identifier that never changes."""
        return f"urn:sonoglot:problem:{self.name}"


MALFORMED = Kind(400, "malformed-request", "The request cannot be read", "The body is not valid JSON.")
NO_KEY = Kind(401, "no-key", "A key is needed", "The key is unknown or was revoked.")
FORBIDDEN = Kind(403, "forbidden", "Not allowed", "The key may search; this needs a key of scope admin.")
UNKNOWN_LIBRARY = Kind(404, "unknown-library", "No such library", "There is no library 'rain'.")
UNKNOWN_CLIP = Kind(404, "unknown-clip", "No such clip", "There is no clip '99'.")
UNKNOWN_JOB = Kind(404, "unknown-job", "No such job", "There is no job '99'.")
JOB_STATE = Kind(
    409,
    "job-state",
    "Not in the job's state",
    "Job 4be1c07d92aa5f36 is done; only what waits or runs can be cancelled.",
)
LIBRARY_EXISTS = Kind(409, "library-exists", "The library is there already", "There is a library 'rain'.")
STORE_BUSY = Kind(409, "store-busy", "Being written to", "Another process is writing to the store.")
FILE_GONE = Kind(
    410,
    "file-gone",
    "The clip's file is gone",
    "The file of clip 9f2c61d0a4b7e853 was moved or deleted. Index again.",
)
TOO_LARGE = Kind(413, "too-large", "Too large", "The picture exceeds 25 MiB.")
UNSUPPORTED_TYPE = Kind(
    415, "unsupported-type", "Unsupported content type", "Send application/json or a multipart form."
)
BAD_RANGE = Kind(
    416, "bad-range", "No such range", "The file has 4,000 bytes; the range starts beyond its end."
)
INVALID = Kind(
    422, "invalid-request", "The request makes no sense", "k: Input should be less than or equal to 100"
)
UNUSABLE_TEXT = Kind(422, "unusable-text", "The text cannot be searched with", "The query text is empty.")
UNUSABLE_IMAGE = Kind(
    422, "unusable-image", "The picture cannot be used", "The picture is not in a known format."
)
UNUSABLE_AUDIO = Kind(
    422, "unusable-audio", "The sound cannot be used", "The sound is not audio in a known format."
)
UNUSABLE_UPLOAD = Kind(
    422, "unusable-upload", "None of the files can be taken", "notes.txt: not an audio file (by its suffix)"
)
FETCH_REFUSED = Kind(
    422, "fetch-refused", "The address is not fetched", "The address leads to a network that is not public."
)
FETCH_FAILED = Kind(
    422, "fetch-failed", "The address could not be fetched", "The server at example.org answered 404."
)
TOO_MANY_REQUESTS = Kind(429, "too-many-requests", "Too many requests", "The key may ask 600 times a minute.")
OVERLOADED = Kind(
    429, "overloaded", "Too much to do", "More questions wait already than can be answered soon."
)
INTERNAL = Kind(
    500, "internal", "Something went wrong in the server", "It is not your fault; the server's log says more."
)
STORAGE_FULL = Kind(507, "storage-full", "No room", "The server's disk has no room for the upload.")
LOADING = Kind(503, "loading", "Not ready yet", "The model is still loading.")
NO_STORE = Kind(
    503, "no-store", "There is no library yet", "Make one with: sonoglot index FOLDER --library NAME"
)
NOT_AVAILABLE = Kind(503, "not-available", "Not available", "The store was built with another model.")

# The first that an error is an instance of decides, so subclasses come before their bases.
KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (ClientDisconnect, MALFORMED),
    (errors.MalformedRequestError, MALFORMED),
    (errors.InvalidRequestError, INVALID),
    (errors.UnsupportedMediaTypeError, UNSUPPORTED_TYPE),
    (errors.BodyTooLargeError, TOO_LARGE),
    (errors.FetchRefusedError, FETCH_REFUSED),
    (errors.FetchFailedError, FETCH_FAILED),
    (errors.ClipFileGoneError, FILE_GONE),
    (errors.UnknownJobError, UNKNOWN_JOB),
    (errors.JobStateError, JOB_STATE),
    (errors.StorageFullError, STORAGE_FULL),
    (errors.NothingUsableError, UNUSABLE_UPLOAD),
    (errors.RangeNotSatisfiableError, BAD_RANGE),
    (errors.NotAuthenticatedError, NO_KEY),
    (errors.ForbiddenError, FORBIDDEN),
    (errors.OverloadedError, OVERLOADED),
    (errors.TooManyRequestsError, TOO_MANY_REQUESTS),
    (errors.DatabaseUnavailableError, NOT_AVAILABLE),
    (errors.StillLoadingError, LOADING),
    (errors.NotAvailableError, NOT_AVAILABLE),
    (indexer_errors.LibraryNotFoundError, UNKNOWN_LIBRARY),
    (indexer_errors.LibraryExistsError, LIBRARY_EXISTS),
    (indexer_errors.InvalidLibraryNameError, INVALID),
    (indexer_errors.ClipNotFoundError, UNKNOWN_CLIP),
    (indexer_errors.InvalidQueryError, INVALID),
    (indexer_errors.DecodeError, UNUSABLE_AUDIO),
    (indexer_errors.StoreNotFoundError, NO_STORE),
    (indexer_errors.StoreBusyError, STORE_BUSY),
    (indexer_errors.StoreError, NOT_AVAILABLE),
    (model_errors.InvalidTextError, UNUSABLE_TEXT),
    (model_errors.UnreadableImageError, UNUSABLE_IMAGE),
    (model_errors.ModelDirectoryError, NOT_AVAILABLE),
    (model_errors.WeightsError, NOT_AVAILABLE),
    (model_errors.MissingPartError, NOT_AVAILABLE),
)

KNOWN = tuple(error_type for error_type, _ in KINDS)
"""Errors that a client can cause, or has to live with."""


def install(app: FastAPI) -> None:
    """Make the app answer every error with a problem document; ``observing`` answers those that nobody expects."""
    for error_type, _ in KINDS:
        app.add_exception_handler(error_type, _answer_known)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)


NOT_READY = (LOADING, NO_STORE, NOT_AVAILABLE)  # what everything that needs model or store may answer
NOT_ADMITTED = (NO_KEY, FORBIDDEN, TOO_MANY_REQUESTS)  # what everything that may need a key may answer


def responses(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the problems that an operation may answer with, with examples."""
    described: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = described.setdefault(
            kind.status, {"model": Problem, "description": kind.title, "content": {}}
        )
        content = entry["content"].setdefault(MEDIA_TYPE, {"examples": {}})
        content["schema"] = {"$ref": "#/components/schemas/Problem"}
        value = _problem(kind, detail=kind.example, instance="/v1/...").model_dump(exclude_none=True)
        content["examples"][kind.name] = {"summary": kind.title, "value": value}
    return described


def _problem(kind: Kind, *, detail: str, instance: str, fields: list[FieldProblem] | None = None) -> Problem:
    return Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=instance,
        request_id=None if request_id.get() == NO_REQUEST else request_id.get(),
        errors=fields,
    )


def _respond(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem_of(error: Exception, *, instance: str) -> Problem:
    """The problem document of a ``KNOWN`` error; ``instance`` is the path that was asked for."""
    kind = next(kind for error_type, kind in KINDS if isinstance(error, error_type))
    fields = None
    if isinstance(error, errors.InvalidRequestError):
        fields = [FieldProblem(field=error.field, message=str(error))]
    if isinstance(error, errors.NothingUsableError):
        fields = [FieldProblem(field=name, message=reason) for name, reason in error.reasons]
    return _problem(kind, detail=str(error), instance=instance, fields=fields)


def _answer_known(request: Request, error: Exception) -> Response:
    headers = {}
    if isinstance(error, errors.RangeNotSatisfiableError):
        headers["Content-Range"] = f"bytes */{error.size}"
    if isinstance(error, errors.StillLoadingError):
        headers["Retry-After"] = "1"
    if isinstance(error, indexer_errors.StoreBusyError):
        headers["Retry-After"] = BUSY_RETRY_AFTER_S
    if isinstance(error, errors.TooManyRequestsError):
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if isinstance(error, errors.NotAuthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    return _respond(problem_of(error, instance=request.url.path), headers)


def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [FieldProblem(field=_location(e["loc"]), message=e["msg"]) for e in error.errors()]
    detail = "; ".join(f"{f.field}: {f.message}" if f.field else f.message for f in fields)
    return _respond(_problem(INVALID, detail=detail, instance=request.url.path, fields=fields))


def _location(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc if part not in ("body", "path", "query"))


def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    known = {kind.status: kind.name for kind in (MALFORMED, TOO_LARGE)}
    name = known.get(status.value, status.phrase.lower().replace(" ", "-"))
    kind = Kind(status.value, name, status.phrase, "")
    detail = error.detail if error.detail != status.phrase else status.description or status.phrase
    problem = _problem(kind, detail=detail, instance=request.url.path)
    return _respond(problem, dict(error.headers or {}))


def answer_unexpected(request: Request, error: Exception) -> Response:
    """Answer for a defect of ours; the log says what it was."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _respond(_problem(INTERNAL, detail=INTERNAL.example, instance=request.url.path))
