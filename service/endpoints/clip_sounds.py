"""What a clip holds, at closer look: its shape between two times, and which words of a caller's choice fit it."""

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request

from service import examples, problems
from service.access import Charge
from service.body import read_json
from service.clip_files import stat_readable
from service.endpoints.clips import ClipPath
from service.endpoints.state import Catalogue, Service, WorkerThreads
from service.library_schemas import PeaksOut, TagOut, TagsOut, TagsRequest
from service.limits import DEFAULT_PEAKS, MAX_PEAKS
from service.peaks import peaks
from service.tagging import scored_tags

router = APIRouter(prefix="/v1/clips", tags=["clips"])

_TEXTS_AT_ONCE = 64
"""A vocabulary is embedded in such parts, between which searches have their turn."""

_COMMON = (problems.UNKNOWN_CLIP, problems.INVALID, *problems.NOT_READY)

Points = Annotated[
    int, Query(ge=1, le=MAX_PEAKS, description="How many parts; fewer if there are fewer samples.")
]
Start = Annotated[
    float | None, Query(ge=0, le=1e7, allow_inf_nan=False, description="In seconds; the start without it.")
]
End = Annotated[
    float | None, Query(gt=0, le=1e7, allow_inf_nan=False, description="In seconds; the end without it.")
]


@router.get(
    "/{clip_id}/peaks",
    summary="The shape of a part of a clip, for drawing it at any zoom",
    responses=examples.answer(examples.PEAKS)
    | problems.responses(problems.FILE_GONE, problems.UNUSABLE_AUDIO, *_COMMON),
)
async def get_peaks(
    clip_id: ClipPath,
    service: Service,
    threads: WorkerThreads,
    points: Points = DEFAULT_PEAKS,
    start_s: Start = None,
    end_s: End = None,
) -> PeaksOut:
    """Return the least and the greatest sample of equally long parts."""
    clip = await threads.look_up(lambda: service.clip(clip_id))
    facts = await threads.look_up(lambda: stat_readable(clip.path, clip_id=clip_id))
    found = await threads.draw(
        lambda: peaks(clip, mtime_ns=facts.st_mtime_ns, points=points, start_s=start_s, end_s=end_s)
    )
    return PeaksOut(
        clip_id=clip_id,
        start_s=found.start_s,
        end_s=found.end_s,
        min=[round(float(value), 4) for value in found.least],
        max=[round(float(value), 4) for value in found.greatest],
    )


@router.post(
    "/{clip_id}/tags",
    summary="Which of these words fit a clip?",
    openapi_extra={
        "requestBody": examples.json_body(TagsRequest, {"vocabulary": ["дождь", "ветер"], "k": 1})
    },
    responses=examples.answer(examples.TAGS)
    | problems.responses(
        problems.MALFORMED,
        problems.TOO_LARGE,
        problems.UNUSABLE_TEXT,
        problems.OVERLOADED,
        problems.INTERNAL,
        *_COMMON,
    ),
)
async def find_tags(
    clip_id: ClipPath,
    request: Request,
    service: Service,
    catalogue: Catalogue,
    threads: WorkerThreads,
    charge: Charge,
) -> TagsOut:
    """Choose the best of up to 1,000 words or phrases, in any language; nothing is stored. Each 64 of them count as a
    request of the key."""
    asked = await read_json(request, TagsRequest)
    charge((len(asked.vocabulary) - 1) // _TEXTS_AT_ONCE)
    segments = await threads.look_up(lambda: catalogue.segment_vectors(clip_id))
    tags = list(dict.fromkeys(asked.vocabulary))
    vectors = []
    for start in range(0, len(tags), _TEXTS_AT_ONCE):
        together = tags[start : start + _TEXTS_AT_ONCE]
        vectors += await asyncio.gather(*(service.embed_text(tag) for tag in together))
    found = await threads.look_up(lambda: scored_tags(tags, np.stack(vectors), segments, k=asked.k))
    return TagsOut(
        clip_id=clip_id,
        model=service.space.name,
        tags=[
            TagOut(tag=item.tag, score=round(item.score, 4), probability=round(item.probability, 4))
            for item in found
        ],
    )
