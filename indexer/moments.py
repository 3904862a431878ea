"""Finds where in its clips a question is answered: the best segments of each that do not overlap.

A search names the best segment of a clip alone. In a long recording there are more, and who listens wants to jump to
them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import Catalog
from indexer.nearest import nearest_rows
from indexer.records import SegmentSpan
from indexer.snapshot import Snapshot

_CANDIDATES_EACH = 4
"""Segments of a moment that are looked up for each that is wanted: neighbours of a good one, which overlap it, are
good as well."""

_MOST_ROWS = 100_000
"""Segments compared for one answer: some tens of milliseconds. Clips further down the list have fewer moments."""


class Moment(NamedTuple):
    """A part of a clip, in seconds, and its cosine with the query."""

    start_s: float
    end_s: float
    score: float


def best_moments(
    catalog: Catalog, snapshot: Snapshot, query: NDArray[np.float32], segment_ids: Sequence[int], *, most: int
) -> dict[int, tuple[Moment, ...]]:
    """For each of these segments, ``most`` of the best moments of its content, best first.

    ``query``: a unit vector, (D,). What has gone since the snapshot was made is left out.
    """
    scores: dict[int, dict[int, float]] = {}
    rows_left = _MOST_ROWS
    for segment_id in segment_ids:
        ids, vectors = snapshot.of_same_content(segment_id, most=max(1, rows_left))
        rows_left -= len(ids)
        # As a search scores them: a matrix product rounds differently, and the best moment is the hit itself.
        best, own = nearest_rows(query, np.ascontiguousarray(vectors), count=most * _CANDIDATES_EACH)
        scores[segment_id] = dict(zip(ids[best].tolist(), own.tolist(), strict=True))
    spans = catalog.spans([candidate for own in scores.values() for candidate in own])
    return {
        segment_id: _apart([(spans[each], score) for each, score in own.items() if each in spans], most=most)
        for segment_id, own in scores.items()
    }


def _apart(ranked: list[tuple[SegmentSpan, float]], *, most: int) -> tuple[Moment, ...]:
    """The best of ranked spans, without those that overlap a better one."""
    chosen: list[Moment] = []
    for span, score in ranked:
        if len(chosen) < most and all(
            span.end_s <= other.start_s or span.start_s >= other.end_s for other in chosen
        ):
            chosen.append(Moment(span.start_s, span.end_s, score))
    return tuple(chosen)
