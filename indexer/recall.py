"""Finds how much effort a search structure needs, by asking it and comparing with the exact answer.

What is asked with: the library's own vectors, points between two of them, points beside one (moved by the difference of
two others), and points anywhere that vectors like these could lie (random sums of many, of the library's own spread),
which are the hardest: nothing lies near there, as with questions in words. The floor holds for each kind. All are asked
among all rows and among random shares of them, as filters leave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.coarse import Coarse
from indexer.nearest import nearest_rows

RECALL_FLOOR = 0.95
RECALL_AT = 10
SHARES = (1.0, 0.5, 0.1, 0.02)
REFINED = 4
"""Candidates for every result asked for, whose exact scores are computed."""
RESERVE = 2
"""How many times the effort that reaches the floor is made: words lie further off than any question that can be made of
a library's own vectors, and the effort costs less than it grows by (benchmarks.search)."""

_MOST_REFINED = 64
_QUERIES = 80  # of each of the four kinds
_SUMMED = 4096
"""Rows in a random sum: enough that it is near none of them."""

_ROWS_AT_A_TIME = 20_000


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What reaches the floor among a share of the rows; ``probes`` is ``Coarse.candidates``' effort."""

    share: float
    probes: int
    refined: int
    recall: float


def least_efforts(coarse: Coarse, rows: NDArray[np.float32], *, least_rows: int) -> list[Effort]:
    """For every share that leaves more than ``least_rows``: ``RESERVE`` times the least effort whose recall@10 is .95
    or more, and its recall."""
    queries = _queries(rows)
    shares = [share for share in SHARES if share == 1 or share * len(rows) > least_rows]
    masks = [_mask(len(rows), share) for share in shares]
    truths = _best_scores(queries, rows, masks)
    return [
        _least_effort(coarse, rows, queries, share=share, mask=mask, truth=truth)
        for share, mask, truth in zip(shares, masks, truths, strict=True)
    ]


def refined(
    coarse: Coarse,
    query: NDArray[np.float32],
    rows: NDArray[np.float32],
    *,
    count: int,
    probes: int,
    refined: int,
    allowed: NDArray[np.uint8] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Positions of the ``count`` best of ``refined`` times as many candidates, and their exact inner products."""
    candidates = coarse.candidates(query, count=count * refined, effort=probes, allowed=allowed)
    return nearest_rows(query, rows, count=count, among=candidates)


def _least_effort(
    coarse: Coarse,
    rows: NDArray[np.float32],
    queries: NDArray[np.float32],
    *,
    share: float,
    mask: NDArray[np.bool_] | None,
    truth: NDArray[np.float32],
) -> Effort:
    allowed = None if mask is None else np.packbits(mask, bitorder="little")

    def tried(probes: int, more: int) -> Effort:
        scores = [
            refined(coarse, query, rows, count=RECALL_AT, probes=probes, refined=more, allowed=allowed)[1]
            for query in queries
        ]
        hits = [_share_found(found, best) for found, best in zip(scores, truth, strict=True)]
        worst = min(float(np.mean(of_a_kind)) for of_a_kind in np.split(np.array(hits), 4))
        return Effort(share=share, probes=probes, refined=more, recall=round(worst, 4))

    least = Effort(share=share, probes=1, refined=REFINED, recall=0.0)
    for probes, more in _rising(coarse.most_effort):
        least = tried(probes, more)
        if least.recall >= RECALL_FLOOR:
            break
    return tried(min(coarse.most_effort, RESERVE * least.probes), least.refined)


def _share_found(found: NDArray[np.float32], best: NDArray[np.float32]) -> float:
    # By score, not by position: of equal rows (silence, say) any is as good.
    return (
        1.0 if best.size == 0 else float(np.mean(np.arange(best.size) < (found >= best.min() - 1e-5).sum()))
    )


def _rising(most: int) -> Iterator[tuple[int, int]]:
    """Efforts from little to all there is; then more candidates, for the quantiser may be what is too coarse."""
    steps = sorted({min(most, round(1.4**step)) for step in range(60)})
    steps = steps[: steps.index(most) + 1] if most in steps else steps
    yield from ((probes, REFINED) for probes in steps)
    wider = REFINED * 2
    while wider <= _MOST_REFINED:
        yield most, wider
        wider *= 2


def _queries(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    random = np.random.default_rng(2)
    own, first, second = (rows[part] for part in np.split(random.integers(len(rows), size=3 * _QUERIES), 3))
    summed = rows[np.sort(random.integers(len(rows), size=_SUMMED))]
    mean = summed.mean(axis=0)
    weights = random.standard_normal((_QUERIES, _SUMMED)) / np.sqrt(_SUMMED)
    anywhere = mean + weights @ (summed - mean)
    queries = np.concatenate([own, first + second, own + first - second, anywhere]).astype(np.float32)
    return queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-9)


def _mask(count: int, share: float) -> NDArray[np.bool_] | None:
    return None if share == 1 else np.random.default_rng(3).random(count) < share


def _best_scores(
    queries: NDArray[np.float32], rows: NDArray[np.float32], masks: list[NDArray[np.bool_] | None]
) -> list[NDArray[np.float32]]:
    """Scores of each query's ten best rows among each mask, (Q, up to 10), in one pass over the rows."""
    best = [np.empty((len(queries), 0), np.float32) for _ in masks]
    edges = [*range(0, len(rows), _ROWS_AT_A_TIME), len(rows)]
    for start, end in pairwise(edges):
        scores = queries @ rows[start:end].T
        for number, mask in enumerate(masks):
            chosen = scores if mask is None else scores[:, mask[start:end]]
            best[number] = np.concatenate([best[number], chosen], axis=1)
            if best[number].shape[1] > RECALL_AT:
                best[number] = -np.partition(-best[number], RECALL_AT - 1, axis=1)[:, :RECALL_AT]
    return best
