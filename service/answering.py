"""Answers questions: from a request to ranked results, with the time that each stage took.

The endpoints know HTTP, the search service model and store; what happens in between is here, so that one question, a
batch of them, and a page of an earlier one go the same way.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

from indexer.paths import display_path
from indexer.records import SearchFilter
from indexer.search import By, RankedClip, Ranking
from indexer.snapshot import Snapshot
from service.body import Upload
from service.cursor import Question, decode, encode
from service.errors import InvalidRequestError
from service.limits import MAX_AUDIO_BYTES, MAX_DEPTH, MAX_IMAGE_BYTES
from service.links import audio_url
from service.questions import (
    AnyPart,
    AudioPart,
    ClipPart,
    ImagePart,
    TextPart,
    VectorPart,
    away_from,
    kind_of,
    vector_of,
)
from service.schemas import with_values
from service.search_schemas import Part, SearchRequest
from service.search_service import SearchService
from service.threads import Threads

GOOD = 0.5
"""Confidence from which a hit is likelier than not what was asked for."""

Answer = dict[str, Any]
"""The fields of a SearchResponse, as far as they have values. Not made a model of, which would be to validate what is
made here anew for every answer."""

Fetch = Callable[[str, int], Awaitable[bytes]]
"""An address and the most bytes to read from it, to what is there."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where questions are answered. ``fetch`` is None where the server fetches nothing by its address; ``on_stage``
    hears of each stage and its seconds."""

    service: SearchService
    threads: Threads
    fetch: Fetch | None
    on_stage: Callable[[str, float], None]

    async def answer(self, asked: SearchRequest) -> Answer:
        """Answer a question in JSON."""
        clock = _Clock(self.on_stage)
        if asked.cursor is not None:
            question = decode(asked.cursor, self.service.space)
            echo = with_values(kind="page", k=question.k, by=question.by, library=question.filter.library)
            # How far a cursor leads, nobody knows before: so nothing is at hand.
            return await self._ranked(question, echo, clock, snapshot=None)
        parts = await self._parts(asked)
        kind = "mixture" if len(parts) > 1 or asked.parts else "clip" if asked.clip_id else "text"
        echo = {"kind": kind, **asked.model_dump(exclude={"cursor"}, exclude_none=True)}
        own = tuple(dict.fromkeys(part.clip_id for part in parts if isinstance(part, ClipPart)))
        return await self._asked(
            parts, echo, clock, filter=asked.search_filter(), k=asked.k, by=asked.by, without=own
        )

    async def answer_upload(self, upload: Upload) -> Answer:
        """Answer a question that comes with files."""
        clock, fields = _Clock(self.on_stage), upload.fields
        parts: list[AnyPart] = []
        if upload.image is not None:
            parts.append(ImagePart(content=upload.image.content, weight=fields.image_weight))
        if upload.audio is not None:
            parts.append(AudioPart(content=upload.audio.content, weight=fields.audio_weight))
        if fields.text is not None:
            parts.append(TextPart(text=fields.text, weight=fields.text_weight))
        parts += away_from(fields.without or ())
        kind = "mixture" if len(parts) > 1 else parts[0].kind
        own = fields.model_dump(exclude={"text_weight", "image_weight", "audio_weight"}, exclude_none=True)
        echo = {"kind": kind, **own, **with_values(filenames=upload.filenames or None)}
        return await self._asked(parts, echo, clock, filter=fields.search_filter(), k=fields.k, by=fields.by)

    async def _asked(
        self,
        parts: Sequence[AnyPart],
        echo: dict[str, Any],
        clock: "_Clock",
        *,
        filter: SearchFilter,
        k: int,
        by: By,
        without: tuple[str, ...] = (),
    ) -> Answer:
        def at_hand() -> Snapshot | None:
            return self.service.at_hand(filter, k=k)

        # What passes a filter may be let go of while a text is embedded, and is not found out in the event loop: with
        # one, it is asked afterwards.
        vector, snapshot = await vector_of(
            parts, self.service, self.threads, meanwhile=at_hand if filter.is_empty else lambda: None
        )
        if not filter.is_empty:
            snapshot = at_hand()
        clock.end_of("embed")
        question = Question(vector=vector, kind=kind_of(parts), filter=filter, k=k, by=by, without=without)
        return await self._ranked(question, echo, clock, snapshot=snapshot)

    async def _ranked(
        self, question: Question, echo: dict[str, Any], clock: "_Clock", *, snapshot: Snapshot | None
    ) -> Answer:
        if snapshot is not None:
            # Handing it to a thread and back takes as long as the search itself.
            ranking, confidences = self._look_up(question, snapshot)
        else:
            ranking, confidences = await self.threads.search(lambda: self._look_up(question))
        clock.end_of("search")
        more = ranking.next
        is_last = more is None or more.rank + question.k > MAX_DEPTH
        return with_values(
            query=echo,
            model=self.service.space.name,
            generation=ranking.snapshot.generation,
            took_ms=clock.total_ms(),
            timings_ms=clock.stages_ms,
            good_match=None if confidences is None else any(each >= GOOD for each in confidences),
            hits=[
                _hit(hit, confidence)
                for hit, confidence in zip(ranking.hits, confidences or repeat(None), strict=False)
            ],
            next=None if is_last else encode(replace(question, after=more), self.service.space),
        )

    def _look_up(
        self, question: Question, snapshot: Snapshot | None = None
    ) -> tuple[Ranking, list[float] | None]:
        ranking = self.service.rank(question, snapshot=snapshot)
        return ranking, self.service.confidences(question, ranking)

    async def _parts(self, asked: SearchRequest) -> list[AnyPart]:
        parts: list[AnyPart] = []
        if asked.text is not None:
            parts.append(TextPart(text=asked.text))
        if asked.clip_id is not None:
            parts.append(ClipPart(clip_id=asked.clip_id, region_s=_region(asked)))
        parts += [await self._part(part) for part in asked.parts or ()]
        return parts + away_from(asked.without or ())

    async def _part(self, part: Part) -> AnyPart:
        if part.text is not None:
            return TextPart(text=part.text, weight=part.weight)
        if part.clip_id is not None:
            return ClipPart(clip_id=part.clip_id, region_s=_region(part), weight=part.weight)
        # Embedded at once, and few at a time, for a question and a batch may name hundreds of large files.
        async with self.threads.fetching:
            return await self._fetched(part)

    async def _fetched(self, part: Part) -> VectorPart:
        field = "audio_url" if part.image_url is None else "image_url"
        if self.fetch is None:
            raise InvalidRequestError(
                "This server fetches nothing by its address: send the file itself.", field=field
            )
        if part.image_url is not None:
            picture = await self.fetch(part.image_url, MAX_IMAGE_BYTES)
            vector = await self.threads.infer(lambda: self.service.embed_image(picture))
            return VectorPart(vector=vector, weight=part.weight, kind="image")
        assert part.audio_url is not None, "Part has exactly one of the four"
        sound = await self.fetch(part.audio_url, MAX_AUDIO_BYTES)
        vector = await self.threads.infer(lambda: self.service.embed_audio(sound))
        return VectorPart(vector=vector, weight=part.weight, kind="audio")


class _Clock:
    """Stages of one answer, in milliseconds."""

    def __init__(self, on_stage: Callable[[str, float], None]) -> None:
        self.stages_ms: dict[str, float] = {}
        self._on_stage = on_stage
        self._started = self._last = time.perf_counter()

    def end_of(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages_ms[stage] = round((now - self._last) * 1000, 2)
        self._on_stage(stage, now - self._last)
        self._last = now

    def total_ms(self) -> float:
        return round((time.perf_counter() - self._started) * 1000, 2)


def _region(part: SearchRequest | Part) -> tuple[float, float] | None:
    return None if part.start_s is None or part.end_s is None else (part.start_s, part.end_s)


def _hit(hit: RankedClip, confidence: float | None) -> dict[str, Any]:
    """The fields of a HitOut, as far as they have values."""
    described = hit.description
    return with_values(
        rank=hit.rank,
        clip_id=hit.clip_id,
        path=display_path(hit.path),
        library=hit.library,
        score=hit.score,
        confidence=confidence,
        start_s=hit.start_s,
        end_s=hit.end_s,
        duration_s=hit.duration_s,
        audio_url=audio_url(hit.clip_id),
        matches=[moment._asdict() for moment in hit.moments],
        title=described.title,
        description=described.description,
        artist=described.artist,
        licence=described.licence,
        category=described.category,
        tags=described.tags,
    )
