"""Finds where in its clips a question is answered: the best segments of each that do not overlap.

A search names the best segment of a clip alone. In a long recording there are more, and who listens wants to jump to
them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import SegmentVectors
from indexer.nearest import inner_products
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
    snapshot: Snapshot, query: NDArray[np.float32], segment_ids: Sequence[int], *, most: int
) -> dict[int, tuple[Moment, ...]]:
    """For each of these segments, ``most`` of the best moments of its content, best first; none for one that is not
    in the snapshot.

    ``query``: a unit vector, (D,).
    """
    parts: dict[int, SegmentVectors] = {}
    rows_left = _MOST_ROWS
    for segment_id in segment_ids:
        parts[segment_id] = snapshot.of_same_content(segment_id, most=max(1, rows_left))
        rows_left -= len(parts[segment_id].ids)
    if not parts:
        return {}
    # All at once, and as a search scores them, so that the best moment is the hit itself.
    scores = inner_products(query, np.concatenate([part.vectors for part in parts.values()]))
    found: dict[int, tuple[Moment, ...]] = {}
    start = 0
    for segment_id, part in parts.items():
        own = scores[start : start + len(part.ids)]
        start += len(part.ids)
        best = np.argsort(-own, kind="stable")[: most * _CANDIDATES_EACH]
        begins, ends = part.spans_s[best].T.tolist()
        found[segment_id] = _apart(map(Moment, begins, ends, own[best].tolist()), most=most)
    return found


def _apart(ranked: Iterable[Moment], *, most: int) -> tuple[Moment, ...]:
    """The best of ranked moments, without those that overlap a better one."""
    chosen: list[Moment] = []
    for moment in ranked:
        for other in chosen:
            if moment.start_s < other.end_s and other.start_s < moment.end_s:
                break
        else:
            chosen.append(moment)
            if len(chosen) == most:
                break
    return tuple(chosen)
