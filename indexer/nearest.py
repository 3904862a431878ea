"""Exact nearest rows of a matrix that lies in memory or in a memory-mapped file.

FAISS's own scan, called without copying the matrix into an index: the base of every other kind of search, which it
refines, and against which its recall is measured. A row's score depends on nothing but the row and the query, so
equal rows have equal scores.
"""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

_library: Any = faiss  # Its stubs know the C++ methods, not the NumPy ones.


def nearest_rows(
    query: NDArray[np.float32],
    rows: NDArray[np.float32],
    *,
    count: int,
    among: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Positions of the ``count`` best rows (fewer where there are fewer) and their inner products, best first.

    ``query``: (D,). ``rows``: (N, D). ``among``: positions that may be returned; all of them without it.
    """
    count = min(count, len(rows) if among is None else len(among))
    if count < 1:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    query = np.ascontiguousarray(query, np.float32)
    scores, positions = np.empty(count, np.float32), np.empty(count, np.int64)
    where = (_library.swig_ptr(query), _library.swig_ptr(rows))
    out = (_library.swig_ptr(scores), _library.swig_ptr(positions))
    if among is None:
        _library.knn_inner_product(*where, rows.shape[1], 1, len(rows), count, *out, None)
    else:
        among = np.ascontiguousarray(among, np.int64)
        subset = _library.swig_ptr(among)
        _library.knn_inner_products_by_idx(
            *where, subset, rows.shape[1], 1, len(rows), len(among), count, *out, 0
        )
    return positions, scores


def search_alone() -> None:
    """Have FAISS search with nobody's help in the calling thread: where all cores are busy, as in a server that embeds,
    a short search waits longer for its helpers than they save."""
    faiss.omp_set_num_threads(1)  # of this thread: OpenMP keeps the number for each apart


def inner_products(
    query: NDArray[np.float32], rows: NDArray[np.float32], positions: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The inner product of a query, (D,), with those of the rows, (N, D), at some positions, (M,), as ``nearest_rows``
    scores them: a matrix product would round otherwise."""
    query, positions = np.ascontiguousarray(query, np.float32), np.ascontiguousarray(positions, np.int64)
    scores = np.empty(len(positions), np.float32)
    where = (_library.swig_ptr(query), _library.swig_ptr(rows), _library.swig_ptr(positions))
    _library.fvec_inner_products_by_idx(_library.swig_ptr(scores), *where, rows.shape[1], 1, len(positions))
    return scores
