"""Search: one operation for words, pictures, sounds, and clips that were found before."""

import time
from typing import Any

from fastapi import APIRouter, Request

from indexer.paths import display_path
from indexer.records import SearchFilter
from indexer.search import RankedClip
from service import examples, problems
from service.body import Upload, media_type, read_json, read_upload
from service.endpoints.clips import audio_url
from service.endpoints.state import Service, WorkerThreads
from service.errors import UnsupportedMediaTypeError
from service.limits import DEFAULT_RESULTS, MAX_AUDIO_BYTES, MAX_IMAGE_BYTES, MAX_RESULTS
from service.schemas import HitOut, QueryEcho, SearchRequest, SearchResponse
from service.search_service import SearchService

router = APIRouter(prefix="/v1", tags=["search"])

MIB = 1024 * 1024

_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": SearchRequest.model_json_schema(),
            "examples": {
                "text": {"summary": "In any language", "value": {"text": "雨の音", "lang": "ja", "k": 5}},
                "library": {
                    "summary": "In one library",
                    "value": {"text": "a door slams", "library": "foley"},
                },
                "clip": {"summary": "More like a clip", "value": {"clip_id": examples.CLIP_ID}},
            },
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "description": "Exactly one of `image` and `audio`.",
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
                    "library": {"type": "string", "description": "Search in this library only."},
                    "k": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": MAX_RESULTS,
                        "default": DEFAULT_RESULTS,
                    },
                },
            },
            "examples": {
                "image": {"summary": "By a picture", "value": {"image": "dog.jpg", "k": 5}},
                "audio": {"summary": "By a sound", "value": {"audio": "knock.wav", "library": "foley"}},
            },
        },
    },
}


@router.post(
    "/search",
    summary="Find sounds by words, a picture, or a sound",
    response_model_exclude_none=True,
    openapi_extra={"requestBody": _REQUEST_BODY},
    responses={
        **examples.answer(examples.SEARCH),
        **problems.responses(
            problems.MALFORMED,
            problems.UNKNOWN_LIBRARY,
            problems.UNKNOWN_CLIP,
            problems.TOO_LARGE,
            problems.UNSUPPORTED_TYPE,
            problems.INVALID,
            problems.UNUSABLE_TEXT,
            problems.UNUSABLE_IMAGE,
            problems.UNUSABLE_AUDIO,
            problems.INTERNAL,
            *problems.NOT_READY,
        ),
    },
)
async def search(request: Request, service: Service, threads: WorkerThreads) -> SearchResponse:
    """Send JSON to search by text or by a clip, a multipart form to search by a picture or a sound."""
    kind = media_type(request)
    if kind == "application/json":
        asked = await read_json(request, SearchRequest)
        started = time.perf_counter()
        echo, hits = await threads.infer(lambda: _answer_request(service, asked))
    elif kind == "multipart/form-data":
        upload = await read_upload(request)
        started = time.perf_counter()
        echo, hits = await threads.infer(lambda: _answer_upload(service, upload))
    else:
        raise UnsupportedMediaTypeError(
            f"The content type {kind!r} is not taken: send application/json for text or a clip, "
            "multipart/form-data for a picture or a sound."
        )
    took_ms = round((time.perf_counter() - started) * 1000, 1)
    return SearchResponse(
        query=echo, model=service.model_name, took_ms=took_ms, hits=[_hit(hit) for hit in hits]
    )


def _answer_request(service: SearchService, asked: SearchRequest) -> tuple[QueryEcho, list[RankedClip]]:
    if asked.clip_id is not None:
        hits = service.search_like(asked.clip_id, filter=SearchFilter(library=asked.library), k=asked.k)
        kind = "clip"
    else:
        assert asked.text is not None, "SearchRequest has exactly one of the two"
        hits = service.search_text(asked.text, filter=SearchFilter(library=asked.library), k=asked.k)
        kind = "text"
    return QueryEcho(kind=kind, **asked.model_dump()), hits


def _answer_upload(service: SearchService, upload: Upload) -> tuple[QueryEcho, list[RankedClip]]:
    fields = upload.fields
    find = service.search_image if upload.kind == "image" else service.search_audio
    hits = find(upload.content, filter=SearchFilter(library=fields.library), k=fields.k)
    return QueryEcho(kind=upload.kind, filename=upload.filename, library=fields.library, k=fields.k), hits


def _hit(hit: RankedClip) -> HitOut:
    return HitOut(
        rank=hit.rank,
        clip_id=hit.clip_id,
        path=display_path(hit.path),
        library=hit.library,
        score=hit.score,
        start_s=hit.start_s,
        end_s=hit.end_s,
        duration_s=hit.duration_s,
        audio_url=audio_url(hit.clip_id),
    )
