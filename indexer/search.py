"""Ranks clips for a query vector: each clip counts by its best segment.

Clips with the same audio share their segments, and all of them are ranked, with the same score.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.description import Description
from indexer.errors import InvalidQueryError
from indexer.records import Clip, SearchFilter, SegmentSpan
from indexer.store import Store
from indexer.vector_index import Hit


@dataclass(frozen=True, kw_only=True)
class RankedClip:
    """A clip as a user gets it: ``score`` is the cosine of its best segment, which lasts from start_s to
    end_s."""

    rank: int
    clip_id: str
    path: Path
    library: str
    score: float
    start_s: float
    end_s: float
    duration_s: float
    description: Description


def search(
    store: Store, vector: NDArray[np.float32], *, filter: SearchFilter | None = None, k: int = 10
) -> list[RankedClip]:
    """The ``k`` best clips that pass a filter (fewer if the store has fewer) for a unit vector of the store's
    space, shape (dim,).

    Equal scores are ordered by library and path, so the same query always gives the same list.

    Raises:
        InvalidQueryError: k is below one, or the vector is of the wrong shape or not finite.
        LibraryNotFoundError: there is no library of the filter's name.
    """
    if k < 1:
        raise InvalidQueryError(f"k must be at least 1, not {k}.")
    dim = store.space.dim
    if vector.shape != (dim,) or not np.isfinite(vector).all():
        raise InvalidQueryError(
            f"A query vector must be {dim} finite numbers; this one has shape {vector.shape}."
        )
    snapshot = store.snapshot()
    filter = filter or SearchFilter()
    among = None if filter.is_empty else store.passing(snapshot, filter)
    count = k
    while True:
        hits = snapshot.search_contents(vector, count=count, among=among)
        ranked = _ranked(hits, store, filter=filter, k=k)
        # Every content has a clip, unless it went away since the snapshot.
        if len(ranked) >= k or len(hits) < count:
            return ranked[:k]
        count *= 4


def _ranked(hits: list[Hit], store: Store, *, filter: SearchFilter, k: int) -> list[RankedClip]:
    best = {hit.content_id: hit for hit in hits}
    clips = store.catalog.clips_of(list(best), filter=filter, most_each=k)
    pairs = [(best[content_id], clip) for content_id, held in clips.items() for clip in held]
    pairs.sort(key=lambda pair: (-pair[0].score, pair[1].library, str(pair[1].path)))
    spans = store.catalog.spans([hit.segment_id for hit, _ in pairs[:k]])
    there = [(hit, clip) for hit, clip in pairs[:k] if hit.segment_id in spans]
    return [
        _ranked_clip(rank, clip, hit, spans[hit.segment_id])
        for rank, (hit, clip) in enumerate(there, start=1)
    ]


def _ranked_clip(rank: int, clip: Clip, hit: Hit, span: SegmentSpan) -> RankedClip:
    return RankedClip(
        rank=rank,
        clip_id=clip.clip_id,
        path=clip.path,
        library=clip.library,
        score=hit.score,
        start_s=span.start_s,
        end_s=span.end_s,
        duration_s=clip.duration_s,
        description=clip.description,
    )
