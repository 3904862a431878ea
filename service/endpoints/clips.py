"""Clips: what the catalogue knows of one, its audio as it is and as any browser plays it, and its shape.

Only files that the catalogue names are ever read: a client gives a clip's identity, never a path.
"""

import os
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse

from indexer.paths import display_path
from service import examples, problems
from service.clip_files import check_range, media_type_of, stat_readable, waveform
from service.endpoints.state import Copies, Service, WorkerThreads
from service.links import audio_url
from service.schemas import ClipOut, WaveformOut

router = APIRouter(prefix="/v1/clips", tags=["clips"])

ClipPath = Annotated[
    str,
    Path(
        alias="clip_id", min_length=1, max_length=64, description="As a search or the command line gave it."
    ),
]
_COMMON = (problems.UNKNOWN_CLIP, problems.INVALID, *problems.NOT_READY)


@router.get(
    "/{clip_id}",
    summary="Describe a clip",
    response_model_exclude_none=True,
    responses=examples.answer(examples.CLIP) | problems.responses(*_COMMON),
)
async def get_clip(clip_id: ClipPath, service: Service, threads: WorkerThreads) -> ClipOut:
    """Return what the catalogue knows about one clip."""
    clip = await threads.look_up(lambda: service.clip(clip_id))
    return ClipOut(
        clip_id=clip_id,
        path=display_path(clip.path),
        library=clip.library,
        duration_s=clip.duration_s,
        status=clip.status.value,
        audio_url=audio_url(clip_id),
        **asdict(clip.description),
    )


def _audio_answers(whole: str, *kinds: problems.Kind) -> dict[int | str, dict]:
    return {
        200: {"description": whole, "content": {"audio/*": {}}},
        206: {"description": "The part that a Range header asked for", "content": {"audio/*": {}}},
        **problems.responses(problems.MALFORMED, problems.FILE_GONE, problems.BAD_RANGE, *kinds, *_COMMON),
    }


@router.get(
    "/{clip_id}/audio",
    summary="Play or download a clip",
    response_class=FileResponse,
    responses=_audio_answers("The whole file, as it lies on disk"),
)
async def get_audio(
    clip_id: ClipPath, request: Request, service: Service, threads: WorkerThreads
) -> FileResponse:
    """Return the clip's own file, whole or in ranges."""
    clip = await threads.look_up(lambda: service.clip(clip_id))
    facts = await threads.look_up(lambda: stat_readable(clip.path, clip_id=clip_id))
    check_range(request.headers.get("range"), size=facts.st_size)
    return _file(clip.path, facts, name=clip.path.name)


@router.get(
    "/{clip_id}/audio.wav",
    summary="Listen to a clip in a format that every browser plays",
    response_class=FileResponse,
    responses=_audio_answers("The clip in 16-bit mono at 44.1 kHz", problems.UNUSABLE_AUDIO),
)
async def get_playable(
    clip_id: ClipPath, request: Request, service: Service, threads: WorkerThreads, copies: Copies
) -> FileResponse:
    """Return the clip as a WAV, whole or in ranges; for AIFF and whatever else a browser cannot play itself."""
    clip = await threads.look_up(lambda: service.clip(clip_id))
    original = await threads.look_up(lambda: stat_readable(clip.path, clip_id=clip_id))
    copy = await threads.draw(lambda: copies.of(clip.path, clip_id=clip_id, mtime_ns=original.st_mtime_ns))
    facts = copy.stat()
    check_range(request.headers.get("range"), size=facts.st_size)
    return _file(copy, facts, name=f"{clip.path.stem}.wav")


@router.get(
    "/{clip_id}/waveform",
    summary="The shape of a clip, for drawing it",
    responses=examples.answer(examples.WAVEFORM)
    | problems.responses(problems.FILE_GONE, problems.UNUSABLE_AUDIO, *_COMMON),
)
async def get_waveform(clip_id: ClipPath, service: Service, threads: WorkerThreads) -> WaveformOut:
    """Return how loud the clip is over its length."""
    clip = await threads.look_up(lambda: service.clip(clip_id))
    facts = await threads.look_up(lambda: stat_readable(clip.path, clip_id=clip_id))
    peaks = await threads.draw(
        lambda: waveform(clip.path, mtime_ns=facts.st_mtime_ns, duration_s=clip.duration_s)
    )
    return WaveformOut(clip_id=clip_id, peaks=list(peaks))


def _file(path: FilePath, facts: os.stat_result, *, name: str) -> FileResponse:
    return FileResponse(
        path,
        media_type=media_type_of(path),
        filename=display_path(name),
        content_disposition_type="inline",
        stat_result=facts,
        headers={"Cache-Control": "no-cache"},  # the file may change; its ETag tells
    )
