"""Search: one operation for words, pictures, sounds, and clips that were found before."""

import asyncio
import time
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from indexer.paths import display_path
from indexer.search import RankedClip
from service import examples, problems
from service.body import Upload, media_type, read_json, read_upload
from service.endpoints.clips import audio_url
from service.endpoints.state import Service, Threads, WorkerThreads
from service.errors import UnsupportedMediaTypeError
from service.limits import MAX_AUDIO_BYTES, MAX_IMAGE_BYTES
from service.schemas import HitOut, QueryEcho, SearchRequest, SearchResponse, UploadFields
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
                "filters": {
                    "summary": "Of some clips only",
                    "value": {"text": "rain", "tags": ["roof"], "licence": "CC0", "max_duration_s": 60},
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
                    **UploadFields.model_json_schema()["properties"],
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
            problems.OVERLOADED,
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
        echo, hits = await _answer_request(service, asked, threads)
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


async def _answer_request(
    service: SearchService, asked: SearchRequest, threads: Threads
) -> tuple[QueryEcho, list[RankedClip]]:
    limits, k = asked.search_filter(), asked.k
    clip_id, text = asked.clip_id, asked.text
    if clip_id is not None:
        hits = await threads.look_up(lambda: service.search_like(clip_id, filter=limits, k=k))
        return QueryEcho(kind="clip", **asked.model_dump()), hits
    assert text is not None, "SearchRequest has exactly one of the two"
    vector = await asyncio.wrap_future(service.embed_text(text))
    hits = await threads.look_up(lambda: service.search_vector(vector, filter=limits, k=k))
    return QueryEcho(kind="text", **asked.model_dump()), hits


def _answer_upload(service: SearchService, upload: Upload) -> tuple[QueryEcho, list[RankedClip]]:
    fields = upload.fields
    find = service.search_image if upload.kind == "image" else service.search_audio
    hits = find(upload.content, filter=fields.search_filter(), k=fields.k)
    return QueryEcho(kind=upload.kind, filename=upload.filename, **fields.model_dump()), hits


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
        **asdict(hit.description),
    )
