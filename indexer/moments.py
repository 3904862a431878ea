"""Finds where in its clips a question is answered: the best segments of each that do not overlap.

A search names the best segment of a clip alone. In a long recording there are more, and who listens wants to jump to
them.
"""

from collections.abc import Mapping, Sequence
from heapq import nlargest
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import SegmentVectors
from indexer.nearest import inner_products
from indexer.snapshot import Snapshot

_CANDIDATES_EACH = 4
"""Segments of a moment that are looked up for each that is wanted: neighbours of a good one, which overlap it, are
good as well."""

_MANY = 500
"""Segments of a content, from which on the few best of them are found sooner than all are sorted."""

_MOST_ROWS = 100_000
"""Segments compared for one answer: some tens of milliseconds. Clips further down the list have fewer moments."""


class Moment(NamedTuple):
    """A part of a clip, in seconds, and its cosine with the query."""

    start_s: float
    end_s: float
    score: float


def best_moments(
    snapshot: Snapshot, query: NDArray[np.float32], segment_ids: Sequence[int], *, most: int
) -> dict[int, tuple[Moment, ...]]:
    """For each of these segments, ``most`` of the best moments of its content, best first; none for one that is not
    in the snapshot.

    ``query``: a unit vector, (D,).
    """
    found: dict[int, tuple[Moment, ...]] = {}
    for part, rows_of in snapshot.of_same_contents(segment_ids, most=_MOST_ROWS):
        if rows_of:
            found |= _moments_of(part, query, rows_of, most=most)
    return found


def _moments_of(
    part: SegmentVectors, query: NDArray[np.float32], rows_of: Mapping[int, range], *, most: int
) -> dict[int, tuple[Moment, ...]]:
    """The best moments among the rows of each segment. NumPy is called for all of them together: a call takes longer
    than what it does for the few rows of one."""
    runs = list(rows_of.values())
    rows = np.fromiter(chain.from_iterable(runs), np.int64, sum(map(len, runs)))
    # As a search scores them, so that the best moment is the hit itself.
    scores = inner_products(query, part.vectors, rows).tolist()
    spans_s = part.spans_s[rows].tolist()
    ends = accumulate(map(len, runs))
    return {
        segment_id: _apart(spans_s, scores, range(end - len(run), end), most=most)
        for (segment_id, run), end in zip(rows_of.items(), ends, strict=True)
    }


def _apart(
    spans_s: Sequence[Sequence[float]], scores: Sequence[float], places: Sequence[int], *, most: int
) -> tuple[Moment, ...]:
    """The best moments at some places, without those that overlap a better one."""
    chosen: list[Moment] = []
    few = most * _CANDIDATES_EACH
    best_first = (
        sorted(places, key=scores.__getitem__, reverse=True)[:few]
        if len(places) < _MANY
        else nlargest(few, places, key=scores.__getitem__)
    )
    for place in best_first:
        start_s, end_s = spans_s[place]
        for other in chosen:
            if start_s < other.end_s and other.start_s < end_s:
                break
        else:
            chosen.append(Moment(start_s, end_s, scores[place]))
            if len(chosen) == most:
                break
    return tuple(chosen)
