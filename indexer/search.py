"""Ranks clips for a query vector: each clip counts by its best segment, or every segment for itself.

Clips with the same audio share their segments, and all of them are ranked, with the same score. A list can be gone on
with from where it was left off (``Place``), whatever was indexed or deleted meanwhile: what has been shown is told by
score and name, not by number, so nothing comes twice, and nothing that stayed as it was is left out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.description import Description
from indexer.errors import InvalidQueryError
from indexer.moments import Moment, best_moments
from indexer.records import FoundClip, SearchFilter
from indexer.snapshot import Snapshot
from indexer.store import Store
from indexer.vector_index import Hit

_LOOKS = 3
"""How often a search looks for results, each time for four times as many, before it gives fewer."""


class By(StrEnum):
    """What a result is: a clip, by its best segment, or a segment."""

    CLIP = "clip"
    SEGMENT = "segment"


class Place(NamedTuple):
    """Where a list was left off: the last result's rank, and all that it is ordered by."""

    rank: int
    score: float
    library: str
    path: Path
    start_s: float


@dataclass(frozen=True, kw_only=True)
class RankedClip:
    """A clip as a user gets it: ``score`` is the cosine of its best segment, which lasts from start_s to
    end_s; ``moments`` are its best segments that do not overlap, best first, if they were asked for."""

    rank: int
    clip_id: str
    path: Path
    library: str
    score: float
    start_s: float
    end_s: float
    duration_s: float
    description: Description
    moments: tuple[Moment, ...] = ()

    @property
    def place(self) -> Place:
        """Where a list goes on after it."""
        return Place(self.rank, self.score, self.library, self.path, self.start_s)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Results, best first; ``next`` is where there are more; ``snapshot`` is what was searched."""

    hits: tuple[RankedClip, ...]
    next: Place | None
    snapshot: Snapshot


def search(
    store: Store, vector: NDArray[np.float32], *, filter: SearchFilter | None = None, k: int = 10
) -> list[RankedClip]:
    """The ``k`` best clips that pass a filter, as ``rank`` gives them."""
    return list(rank(store, vector, filter=filter, k=k).hits)


def rank(
    store: Store,
    vector: NDArray[np.float32],
    *,
    filter: SearchFilter | None = None,
    k: int = 10,
    by: By = By.CLIP,
    after: Place | None = None,
    without: Collection[str] = (),
    moments: int = 0,
    snapshot: Snapshot | None = None,
) -> Ranking:
    """The ``k`` best results that pass a filter (fewer if the store has fewer) for a unit vector of the store's
    space, shape (dim,), but for clips whose ids are in ``without``; those that come ``after`` a place, if one is
    given; with so many ``moments`` each. Searched are the vectors as of now, or those of a ``snapshot`` of the store.

    Equal scores are ordered by library, path and time, so the same query always gives the same list.

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
    snapshot = store.snapshot() if snapshot is None else snapshot
    filter = filter or SearchFilter()
    among = None if filter.is_empty else store.passing(snapshot, filter)
    shown = 0 if after is None else after.rank
    wanted = k + 1  # one more tells whether there are more
    count = shown + wanted + len(without)
    found: list[_Found] = []
    for _ in range(_LOOKS):
        if by is By.CLIP:
            hits = snapshot.search_contents(vector, count=count, among=among)
        else:
            hits = snapshot.search_tied(vector, count=count, among=among)
        found = _found(hits, store, snapshot, filter=filter, after=after, without=without, most=wanted)
        # Every content has a clip, unless it went away since the snapshot; and a place that was made up may have
        # nothing behind it.
        if len(found) >= wanted or len(hits) < count:
            break
        count *= 4
    held: dict[int, tuple[Moment, ...]] = {}
    if moments:
        ids = [each.hit.segment_id for each in found[:k]]
        held = best_moments(snapshot, vector, ids, most=moments)
    ranked = tuple(
        _ranked_clip(number, each, held.get(each.hit.segment_id, ()))
        for number, each in enumerate(found[:k], start=shown + 1)
    )
    return Ranking(hits=ranked, next=ranked[-1].place if len(found) > k else None, snapshot=snapshot)


class _Found(NamedTuple):
    hit: Hit
    clip: FoundClip

    @property
    def order(self) -> tuple[float, str, str, float]:
        return _order(self.hit.score, self.clip.library, self.clip.path, self.hit.start_s)


def _order(score: float, library: str, path: Path, start_s: float) -> tuple[float, str, str, float]:
    return -score, library, str(path), start_s


def _found(
    hits: list[Hit],
    store: Store,
    snapshot: Snapshot,
    *,
    filter: SearchFilter,
    after: Place | None,
    without: Collection[str],
    most: int,
) -> list[_Found]:
    """Clips of hits, in order; those after a place, if one is given."""
    shown = 0 if after is None else after.rank
    left = [hit for hit in hits if after is None or hit.score <= after.score]
    contents = list(dict.fromkeys(hit.content_id for hit in left))
    clips = store.found_clips.of(
        contents, generation=snapshot.generation, filter=filter, most_each=shown + most + len(without)
    )
    found = [
        _Found(hit, clip)
        for hit in left
        for clip in clips.get(hit.content_id, ())
        if clip.clip_id not in without
    ]
    if after is not None:
        last = _order(after.score, after.library, after.path, after.start_s)
        found = [each for each in found if each.order > last]
    return sorted(found, key=lambda each: each.order)[:most]


def _ranked_clip(number: int, found: _Found, moments: tuple[Moment, ...]) -> RankedClip:
    hit, clip = found
    return RankedClip(
        rank=number,
        clip_id=clip.clip_id,
        path=clip.path,
        library=clip.library,
        score=hit.score,
        start_s=hit.start_s,
        end_s=hit.end_s,
        duration_s=clip.duration_s,
        description=clip.description,
        moments=moments,
    )
