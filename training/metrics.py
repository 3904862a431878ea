"""Retrieval figures, computed query by query over chunks, so that 100,000 clips fit in memory.

A clip's score for a query is that of its best segment. R@k counts a query as found if any right clip is among its
first k, as papers do; mAP is the mean over queries of average precision over the whole ranking, mAP@10 over its
first ten.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 256  # queries scored at once: 256 x 100,000 float32 is 100 MB


@dataclass(frozen=True)
class ClipVectors:
    """Segments of all clips, (S, D), clip after clip; ``starts`` (C,) are the first rows of the clips."""

    segments: NDArray[np.float32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def scores(self, queries_qd: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the best segment's cosine for every query and clip, (Q, C)."""
        return np.maximum.reduceat(queries_qd @ self.segments.T, self.starts, axis=1)


@dataclass(frozen=True)
class QueryFigures:
    """One row a query."""

    average_precision: NDArray[np.float64]
    average_precision_10: NDArray[np.float64]
    first_rank: NDArray[np.int64]  # 1 is best

    def recall_at(self, k: int) -> float:
        """Share of the queries with a right answer among the first k."""
        return float((self.first_rank <= k).mean())

    def summary(self) -> dict[str, float]:
        """R@1/5/10, mAP@10 and median rank."""
        return {
            "r1": self.recall_at(1),
            "r5": self.recall_at(5),
            "r10": self.recall_at(10),
            "map10": float(self.average_precision_10.mean()),
            "median_rank": float(np.median(self.first_rank)),
        }


def rank_clips(
    queries_qd: NDArray[np.float32], clips: ClipVectors, right: Sequence[NDArray[np.int64]]
) -> QueryFigures:
    """Rank all clips for every query; ``right[q]`` are the rows of its right clips, at least one."""
    parts = []
    for start in range(0, len(queries_qd), CHUNK):
        scores = clips.scores(queries_qd[start : start + CHUNK])
        parts += [_figures(row, right[start + offset]) for offset, row in enumerate(scores)]
    return _collect(parts)


def rank_texts(
    clips: ClipVectors, texts_td: NDArray[np.float32], right: Sequence[NDArray[np.int64]]
) -> QueryFigures:
    """Rank all texts for every clip; ``right[c]`` are the rows of its right texts, at least one."""
    bounds = [*clips.starts.tolist(), len(clips.segments)]
    parts = []
    for start in range(0, len(clips), CHUNK):
        stop = min(start + CHUNK, len(clips))
        segments = clips.segments[bounds[start] : bounds[stop]] @ texts_td.T
        best = np.maximum.reduceat(segments, clips.starts[start:stop] - bounds[start], axis=0)
        parts += [_figures(row, right[start + offset]) for offset, row in enumerate(best)]
    return _collect(parts)


def _figures(scores: NDArray[np.float32], right: NDArray[np.int64]) -> tuple[float, float, int]:
    # a right answer's rank counts everything scored at least as high, so that ties never flatter
    ordered = np.sort(-scores)
    ranks = np.sort(np.searchsorted(ordered, -scores[right], side="right"))
    ranks = np.maximum(ranks, np.arange(1, len(ranks) + 1))
    precision = np.arange(1, len(ranks) + 1) / ranks
    in_ten = precision[ranks <= 10].sum() / min(len(ranks), 10)
    return float(precision.mean()), float(in_ten), int(ranks[0])


def _collect(parts: list[tuple[float, float, int]]) -> QueryFigures:
    precision, precision_10, first = zip(*parts, strict=True)
    return QueryFigures(np.array(precision), np.array(precision_10), np.array(first))
