"""Search: one operation for words, pictures, sounds, clips that were found before, and mixtures of them."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from service import examples, problems
from service.access import Charge, requires
from service.answering import Answer
from service.body import media_type, most_bytes, read_json, read_upload
from service.endpoints.direct_route import DirectRoute
from service.endpoints.state import desk_of
from service.errors import UnsupportedMediaTypeError
from service.held_bytes import HeldBytes
from service.keys import Scope
from service.limits import MAX_AUDIO_BYTES, MAX_IMAGE_BYTES
from service.schemas import Problem
from service.search_schemas import BatchRequest, BatchResponse, SearchRequest, SearchResponse, UploadFields

router = APIRouter(prefix="/v1", tags=["search"])
direct_router = APIRouter(prefix="/v1", tags=["search"], route_class=DirectRoute)

MIB = 1024 * 1024
_TEXTS_TOGETHER = 64

_EXAMPLES: dict[str, Any] = {
    "text": {"summary": "In any language", "value": {"text": "雨の音", "lang": "ja", "k": 5}},
    "library": {"summary": "In one library", "value": {"text": "a door slams", "library": "foley"}},
    "filters": {
        "summary": "Of some clips only",
        "value": {"text": "rain", "tags": ["roof"], "licence": "CC0", "max_duration_s": 60},
    },
    "without": {"summary": "This, not that", "value": {"text": "rain", "without": ["thunder"]}},
    "clip": {"summary": "More like a clip", "value": {"clip_id": examples.CLIP_ID}},
    "region": {
        "summary": "More like a moment of it",
        "value": {"clip_id": examples.CLIP_ID, "start_s": 2.5, "end_s": 4.0},
    },
    "mixture": {
        "summary": "Like a clip, but of metal",
        "value": {"clip_id": examples.CLIP_ID, "parts": [{"text": "metal", "weight": 0.7}]},
    },
    "segments": {"summary": "Every segment for itself", "value": {"text": "a dog barks", "by": "segment"}},
}

_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": SearchRequest.model_json_schema(ref_template="#/components/schemas/{model}"),
            "examples": _EXAMPLES,
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "description": "`image`, `audio` or both, and words to mix them with.",
                "properties": {
                    "image": {
                        "type": "string",
                        "format": "binary",
                        "description": f"PNG, JPEG, WebP, GIF, ...; at most {MAX_IMAGE_BYTES // MIB} MiB.",
                    },
                    "audio": {
                        "type": "string",
                        "format": "binary",
                        "description": "WAV, FLAC, MP3, Ogg, Opus, M4A, ...; "
                        f"at most {MAX_AUDIO_BYTES // MIB} MiB and ten minutes.",
                    },
                    **UploadFields.model_json_schema(ref_template="#/components/schemas/{model}")[
                        "properties"
                    ],
                },
            },
            "examples": {
                "image": {"summary": "By a picture", "value": {"image": "dog.jpg", "k": 5}},
                "audio": {"summary": "By a sound", "value": {"audio": "knock.wav", "library": "foley"}},
                "both": {
                    "summary": "A picture and words",
                    "value": {"image": "street.jpg", "text": "at night"},
                },
            },
        },
    },
}
for _content in _REQUEST_BODY["content"].values():
    _content["schema"].pop("$defs", None)  # they are components of the document already

_PROBLEMS = problems.responses(
    problems.MALFORMED,
    problems.UNKNOWN_LIBRARY,
    problems.UNKNOWN_CLIP,
    problems.FILE_GONE,
    problems.TOO_LARGE,
    problems.UNSUPPORTED_TYPE,
    problems.INVALID,
    problems.UNUSABLE_TEXT,
    problems.UNUSABLE_IMAGE,
    problems.UNUSABLE_AUDIO,
    problems.FETCH_REFUSED,
    problems.FETCH_FAILED,
    problems.OVERLOADED,
    problems.INTERNAL,
    *problems.NOT_READY,
)


@direct_router.post(
    "/search",
    summary="Find sounds by words, a picture, a sound, or all of them",
    response_model=SearchResponse,
    dependencies=[requires(Scope.SEARCH)],
    openapi_extra={"requestBody": _REQUEST_BODY},
    responses={**examples.answer(examples.SEARCH), **_PROBLEMS},
)
async def search(request: Request) -> Response:
    """Send JSON to search by texts and clips, a multipart form to search by a picture or a sound."""
    desk, kind = desk_of(request), media_type(request)
    if kind == "application/json":
        return _json(await desk.answer(await read_json(request, SearchRequest)))
    if kind == "multipart/form-data":
        held: HeldBytes = request.app.state.held_bytes
        with held.hold(most_bytes(request)):
            return _json(await desk.answer_upload(await read_upload(request)))
    raise UnsupportedMediaTypeError(
        f"The content type {kind!r} is not taken: send application/json for texts and clips, "
        "multipart/form-data for a picture or a sound."
    )


@router.post(
    "/search/batch",
    summary="Ask several questions at once",
    response_model=BatchResponse,
    responses={**examples.answer({"answers": [examples.SEARCH]}), **_PROBLEMS},
)
async def search_batch(asked: BatchRequest, request: Request, charge: Charge) -> Response:
    """Questions in JSON, embedded together. One that cannot be answered has a problem in its place; each counts as a
    request of the key."""
    desk = desk_of(request)
    charge(len(asked.searches) - 1)

    async def answer(one: SearchRequest) -> Answer | Problem:
        try:
            return await desk.answer(one)
        except problems.KNOWN as error:
            return problems.problem_of(error, instance=request.url.path)

    answers: list[Answer | Problem] = []
    for portion in _portions(asked.searches):
        answers += await asyncio.gather(*map(answer, portion))
    return _json({"answers": answers})


def _portions(searches: Sequence[SearchRequest]) -> Iterator[list[SearchRequest]]:
    """Questions in order, so many together that their texts leave room in the queue for those of others."""
    portion: list[SearchRequest] = []
    texts = 0
    for search in searches:
        own = 1 + len(search.parts or ()) + len(search.without or ())
        if portion and texts + own > _TEXTS_TOGETHER:
            yield portion
            portion, texts = [], 0
        portion.append(search)
        texts += own
    yield portion


def _json(answer: Answer) -> Response:
    # Written here: FastAPI would make a model of it first, and search is what is asked most.
    return Response(to_json(answer, exclude_none=True), media_type="application/json")
