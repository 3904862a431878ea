"""Pairs of vectors that lie close together, among up to millions of them.

Up to ``EXACT_UP_TO`` vectors each is compared with all, in blocks; beyond, with those in the nearest lists (``coarse``,
IVF) and the candidates again exactly: vectors this close are nearly always in the same list or the next.
"""

from collections.abc import Iterator

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.coarse import IndexKind, train

EXACT_UP_TO = 100_000
_NEIGHBOURS = 32
"""So many of each vector. More that are as close are come to through these."""

_LISTS_SEEN = 16
_BLOCK = 4_096


def close_pairs(vectors: NDArray[np.float32], *, threshold: float) -> Iterator[NDArray[np.int64]]:
    """Yield rows (i, j), shape (P, 2), whose cosine is at least ``threshold``; some come twice, as (j, i).

    ``vectors``: unit vectors, (N, D), in memory or mapped. Of each one its nearest 32 are looked at.
    """
    count = min(_NEIGHBOURS + 1, len(vectors))
    search = _exact(vectors, count) if len(vectors) <= EXACT_UP_TO else _coarse(vectors, count)
    for first, positions in search:
        block = np.asarray(vectors[first : first + len(positions)])
        left, place = np.nonzero(positions >= 0)
        right = positions[left, place]
        other = left + first != right
        left, right = left[other], right[other]
        for start in range(0, len(left), _BLOCK):
            ours, theirs = left[start : start + _BLOCK], right[start : start + _BLOCK]
            close = np.einsum("ij,ij->i", block[ours], vectors[theirs]) >= threshold
            yield np.stack([ours[close] + first, theirs[close]], axis=1)


def _exact(vectors: NDArray[np.float32], count: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    for start in range(0, len(vectors), _BLOCK):
        block = np.ascontiguousarray(vectors[start : start + _BLOCK])
        _, positions = faiss.knn(block, vectors, count, metric=faiss.METRIC_INNER_PRODUCT)
        yield start, positions


def _coarse(vectors: NDArray[np.float32], count: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    coarse = train(IndexKind.IVF, vectors, count=len(vectors))
    coarse.add(vectors)
    coarse.index.nprobe = _LISTS_SEEN
    for start in range(0, len(vectors), _BLOCK):
        _, positions = coarse.index.search(np.ascontiguousarray(vectors[start : start + _BLOCK]), count)
        yield start, positions
