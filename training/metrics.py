"""Retrieval figures, computed query by query over chunks, so that 100,000 clips fit in memory.

A clip's score for a query is that of its best segment. R@k counts a query as found if any right clip is among its
first k, as papers do; mAP is the mean over queries of average precision over the whole ranking, mAP@10 over its
first ten.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import correlation

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

    def select(self, rows: Sequence[int]) -> "ClipVectors":
        """Return some of the clips."""
        if len(rows) == len(self):
            return self
        bounds = [*self.starts.tolist(), len(self.segments)]
        parts = [self.segments[bounds[row] : bounds[row + 1]] for row in rows]
        return ClipVectors(np.concatenate(parts), np.cumsum([0, *(len(part) for part in parts[:-1])]))


@dataclass(frozen=True)
class QueryFigures:
    """One row a query; ``candidates`` were ranked for each."""

    average_precision: NDArray[np.float64]
    average_precision_10: NDArray[np.float64]
    first_rank: NDArray[np.int64]  # 1 is best
    right: NDArray[np.int64]  # how many right answers there are, at least one
    candidates: int

    def __len__(self) -> int:
        return len(self.first_rank)

    def select(self, rows: Sequence[int]) -> "QueryFigures":
        """Return some of the queries."""
        own = np.array(rows)
        return QueryFigures(
            self.average_precision[own],
            self.average_precision_10[own],
            self.first_rank[own],
            self.right[own],
            self.candidates,
        )

    @property
    def map(self) -> float:
        """Mean average precision over the whole ranking."""
        return float(self.average_precision.mean())

    def recall_at(self, k: int) -> float:
        """Share of the queries with a right answer among the first k."""
        return float((self.first_rank <= k).mean())

    @property
    def chance_map(self) -> float:
        """The mAP that rankings in random order have on average.

        A right answer is at rank i with probability 1/n, and i - 1 others before it hold (i - 1)(r - 1)/(n - 1) right
        ones on average; the mean over i of its precision is (H + (r - 1)/(n - 1) (n - H))/n, H = 1 + 1/2 + ... + 1/n.
        """
        n = self.candidates
        harmonic = float((1 / np.arange(1, n + 1)).sum())
        return float((harmonic + (self.right - 1) / max(n - 1, 1) * (n - harmonic)).mean() / n)

    def chance_at(self, k: int) -> float:
        """The R@k that rankings in random order have on average: not all of the first k are wrong."""
        drawn = np.arange(min(k, self.candidates))[:, None]
        wrong = np.maximum(self.candidates - self.right - drawn, 0) / (self.candidates - drawn)
        return float(1 - wrong.prod(axis=0).mean())

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
    return _collect(parts, right, candidates=len(clips))


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
    return _collect(parts, right, candidates=len(texts_td))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation; equal values share their mean rank. None where one of the two does not vary."""
    if min(len(set(first)), len(set(second))) < 2:
        return None
    return correlation(_mean_ranks(first), _mean_ranks(second))


def _mean_ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + 1 + bisect_right(ordered, value)) / 2 for value in values]


def _figures(scores: NDArray[np.float32], right: NDArray[np.int64]) -> tuple[float, float, int]:
    # a right answer's rank counts everything scored at least as high, so that ties never flatter
    ordered = np.sort(-scores)
    ranks = np.sort(np.searchsorted(ordered, -scores[right], side="right"))
    ranks = np.maximum(ranks, np.arange(1, len(ranks) + 1))
    precision = np.arange(1, len(ranks) + 1) / ranks
    in_ten = precision[ranks <= 10].sum() / min(len(ranks), 10)
    return float(precision.mean()), float(in_ten), int(ranks[0])


def _collect(
    parts: list[tuple[float, float, int]], right: Sequence[NDArray[np.int64]], *, candidates: int
) -> QueryFigures:
    precision, precision_10, first = zip(*parts, strict=True)
    counts = np.array([len(rows) for rows in right])
    return QueryFigures(np.array(precision), np.array(precision_10), np.array(first), counts, candidates)
