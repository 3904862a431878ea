"""Makes one vector of a question's parts: words, pictures, sounds, clips or regions of them, each with its weight."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.queries import LEADS_AWAY, mixed_vector
from model.calibration import QuestionKind
from service.search_service import SearchService
from service.threads import Threads

Vector = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TextPart:
    """Words in any language."""

    text: str
    weight: float = 1.0
    kind: QuestionKind = "text"


@dataclass(frozen=True, kw_only=True)
class ImagePart:
    """A picture file's content."""

    content: bytes
    weight: float = 1.0
    kind: QuestionKind = "image"


@dataclass(frozen=True, kw_only=True)
class AudioPart:
    """A sound file's content."""

    content: bytes
    weight: float = 1.0
    kind: QuestionKind = "audio"


@dataclass(frozen=True, kw_only=True)
class ClipPart:
    """A clip of the store, or what of it lies between two times in seconds."""

    clip_id: str
    region_s: tuple[float, float] | None = None
    weight: float = 1.0
    kind: QuestionKind = "audio"


@dataclass(frozen=True, kw_only=True)
class VectorPart:
    """What was embedded already, and what it was."""

    vector: Vector
    weight: float
    kind: QuestionKind


AnyPart = TextPart | ImagePart | AudioPart | ClipPart | VectorPart


def away_from(texts: Sequence[str]) -> list[TextPart]:
    """Parts that lead away from what is not wanted."""
    return [TextPart(text=text, weight=LEADS_AWAY) for text in texts]


def kind_of(parts: Sequence[AnyPart]) -> QuestionKind:
    """What a question is mostly asked with."""
    return max(parts, key=lambda part: part.weight).kind


async def vector_of(
    parts: Sequence[AnyPart], service: SearchService, threads: Threads, *, meanwhile: Callable[[], T]
) -> tuple[Vector, T]:
    """One unit vector, (D,), and what ``meanwhile`` gives, which is called while a lone text is being embedded. Texts
    are embedded together with those of other requests.

    Raises InvalidTextError, UnreadableImageError, DecodeError, ClipNotFoundError, InvalidQueryError, OverloadedError.
    """
    match parts:
        case [TextPart() as part] if part.weight > 0:  # what is asked most
            return await _text_and(meanwhile, service.submit_text(part.text))
        case [part] if part.weight > 0:
            return await _embedded(part, service, threads), meanwhile()
        case _:
            vectors = await _all([_embedded(part, service, threads) for part in parts])
            mixed = mixed_vector([(vector, part.weight) for vector, part in zip(vectors, parts, strict=True)])
            return mixed, meanwhile()


async def _text_and(meanwhile: Callable[[], T], coming: asyncio.Future[Vector]) -> tuple[Vector, T]:
    try:
        await asyncio.sleep(0)  # one turn of the event loop, in which the text is sent to what embeds it
        done = meanwhile()
    except BaseException:
        coming.cancel()
        raise
    return await coming, done


async def _embedded(part: AnyPart, service: SearchService, threads: Threads) -> Vector:
    match part:
        case TextPart():
            return await service.embed_text(part.text)
        case ImagePart():
            return await threads.infer(lambda: service.embed_image(part.content))
        case AudioPart():
            return await threads.infer(lambda: service.embed_audio(part.content))
        case ClipPart():
            return await threads.infer(lambda: service.embed_clip(part.clip_id, region_s=part.region_s))
        case VectorPart():
            return part.vector


async def _all(waiting: Sequence[Coroutine[None, None, Vector]]) -> list[Vector]:
    """All results, in order; the first error once everything has ended, so that nothing is left running."""
    results = await asyncio.gather(*waiting, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
