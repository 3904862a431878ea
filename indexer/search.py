"""Ranks clips for a query vector: each clip counts by its best segment."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InvalidQueryError
from indexer.records import SegmentLocation
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


def search(
    store: Store, vector: NDArray[np.float32], *, library: str | None = None, k: int = 10
) -> list[RankedClip]:
    """The ``k`` best clips (fewer if the store has fewer) for a unit vector of the store's space, shape
    (dim,).

    Equal scores are ordered by library and path, so the same query always gives the same list.

    Raises:
        InvalidQueryError: k is below one, or the vector is of the wrong shape or not finite.
        LibraryNotFoundError: there is no library of that name.
    """
    if k < 1:
        raise InvalidQueryError(f"k must be at least 1, not {k}.")
    dim = store.space.dim
    if vector.shape != (dim,) or not np.isfinite(vector).all():
        raise InvalidQueryError(
            f"A query vector must be {dim} finite numbers; this one has shape {vector.shape}."
        )
    snapshot = store.snapshot()
    among = None if library is None else store.library_bits(library)
    count = 4 * k
    while True:
        hits = snapshot.vectors.search(vector, count=count, among=among)
        ranked = _ranked(_best_of_each_clip(hits, store))
        # One hit more could still tie with the last clip, and ties are broken by name, not by the index.
        is_all = len(hits) < count
        if is_all or (len(ranked) >= k and hits[-1].score < ranked[k - 1][0].score):
            return [_ranked_clip(rank, *pair) for rank, pair in enumerate(ranked[:k], start=1)]
        count *= 4


def _best_of_each_clip(hits: list[Hit], store: Store) -> dict[str, tuple[Hit, SegmentLocation]]:
    best: dict[str, tuple[Hit, SegmentLocation]] = {}
    places = store.catalog.locate([hit.segment_id for hit in hits])
    for hit in hits:
        place = places.get(hit.segment_id)
        if place is None:
            continue  # Its clip went missing, or went away since the snapshot.
        held = best.get(place.clip_id)
        if held is None or (-hit.score, place.start_s) < (-held[0].score, held[1].start_s):
            best[place.clip_id] = hit, place
    return best


def _ranked(best: dict[str, tuple[Hit, SegmentLocation]]) -> list[tuple[Hit, SegmentLocation]]:
    return sorted(best.values(), key=lambda pair: (-pair[0].score, pair[1].library, str(pair[1].path)))


def _ranked_clip(rank: int, hit: Hit, place: SegmentLocation) -> RankedClip:
    return RankedClip(
        rank=rank,
        clip_id=place.clip_id,
        path=place.path,
        library=place.library,
        score=hit.score,
        start_s=place.start_s,
        end_s=place.end_s,
        duration_s=place.duration_s,
    )
