"""Search structures for libraries that are too large to be compared with one by one.

``ivf``: lists around centroids. ``hnsw``: a graph of neighbours, faster to ask and far slower to build. Both hold
vectors in eight bits a dimension (a scalar quantiser) and give candidates by position, whose exact scores
``vector_index`` computes. Small libraries need neither (``exact``). See docs/decisions/0009.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from model.files import write_atomically_with

EXACT_UP_TO = 50_000
"""Segments up to which comparing with every one takes some milliseconds, so nothing else is worth its recall."""

_TRAINED_PER_LIST = 50
_NEIGHBOURS = 32
_BUILD_EFFORT = 80
_ROWS_AT_A_TIME = 50_000

_library: Any = faiss  # Its stubs know the C++ methods, not the NumPy ones.


class IndexKind(StrEnum):
    """How vectors are searched."""

    EXACT = "exact"
    IVF = "ivf"
    HNSW = "hnsw"


def kind_for(count: int, asked: IndexKind | None) -> IndexKind:
    """The kind for a number of segments: what was asked for, or else by size."""
    if asked is not None:
        return asked
    return IndexKind.EXACT if count <= EXACT_UP_TO else IndexKind.IVF


@dataclass(frozen=True)
class Coarse:
    """A search structure over rows 0 to N-1; safe to search from several threads."""

    kind: IndexKind
    index: Any

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def most_effort(self) -> int:
        """Effort beyond which nothing changes: all lists, or all rows."""
        return int(self.index.nlist) if self.kind is IndexKind.IVF else len(self)

    def candidates(
        self, query: NDArray[np.float32], *, count: int, effort: int, allowed: NDArray[np.uint8] | None
    ) -> NDArray[np.int64]:
        """Positions of about the ``count`` best rows, fewer where ``effort`` does not reach as many.

        ``effort``: lists to look into (ivf), or nodes to keep in view (hnsw). ``allowed``: bits of the positions
        that may be returned, little-endian; all of them without it.
        """
        chosen = None if allowed is None else _library.IDSelectorBitmap(allowed)
        if self.kind is IndexKind.IVF:
            parameters = _library.SearchParametersIVF(nprobe=effort, sel=chosen)
        else:
            parameters = _library.SearchParametersHNSW(efSearch=max(effort, count), sel=chosen)
        _, positions = self.index.search(query[None], min(count, len(self)), params=parameters)
        return positions[0][positions[0] >= 0]

    def add(self, rows: NDArray[np.float32]) -> None:
        """Add rows after those it has; not for one that ``opened`` returned."""
        for part in _parts(rows):
            if self.kind is IndexKind.IVF and faiss.get_num_gpus() > 0:
                _add_on_gpu(self.index, part)
            else:
                self.index.add(part)

    def save(self, path: Path) -> None:
        """Write it so that ``path`` holds either what it held before or the whole structure."""
        write_atomically_with(path, lambda temporary: faiss.write_index(self.index, str(temporary)))


def train(kind: IndexKind, rows: NDArray[np.float32], *, count: int) -> Coarse:
    """An empty structure for about ``count`` rows, its lists and quantiser learnt from a sample of ``rows``.

    FAISS's clustering runs on a GPU where FAISS has one; the structure is the same kind of file either way.
    """
    dim = rows.shape[1]
    if kind is IndexKind.HNSW:
        index: Any = _library.IndexHNSWSQ(
            dim, faiss.ScalarQuantizer.QT_8bit, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT
        )
        index.hnsw.efConstruction = _BUILD_EFFORT
        index.train(_sample(rows, 100_000))
        return Coarse(kind, index)
    lists = list_count(count)
    quantiser = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFScalarQuantizer(
        quantiser, dim, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed = 1
    # The sample is already of the size that FAISS would cut it to.
    index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = 10**6, 1
    if faiss.get_num_gpus() > 0:
        index.clustering_index = _library.index_cpu_to_all_gpus(faiss.IndexFlatIP(dim))
    index.train(_sample(rows, lists * _TRAINED_PER_LIST))
    index.clustering_index = None
    return Coarse(kind, index)


def list_count(count: int) -> int:
    """Lists for a number of rows: four times its square root, as FAISS's guidelines have it, but filled."""
    return max(1, min(round(4 * count**0.5), count // _TRAINED_PER_LIST))


def opened(kind: IndexKind, path: Path) -> Coarse:
    """Open a saved structure for searching, memory-mapped; ValueError if it is none of this kind."""
    # Not IO_FLAG_MMAP: with that, every search of lists starts threads that read ahead, and takes five times as long.
    return _read(kind, path, faiss.IO_FLAG_MMAP_IFC)


def loaded(kind: IndexKind, path: Path) -> Coarse:
    """Read a saved structure into memory, so that rows may be added; ValueError if it is none of this kind."""
    return _read(kind, path, 0)


def _read(kind: IndexKind, path: Path, flags: int) -> Coarse:
    try:
        index = faiss.read_index(str(path), flags)
    except (OSError, RuntimeError, MemoryError) as error:
        raise ValueError(f"no usable index: {error}") from error
    wanted = faiss.IndexIVFScalarQuantizer if kind is IndexKind.IVF else faiss.IndexHNSWSQ
    if not isinstance(index, wanted) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise ValueError(f"not an index of kind {kind}")
    return Coarse(kind, index)


def _sample(rows: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    if len(rows) <= most:
        return np.ascontiguousarray(rows)
    chosen = np.random.default_rng(0).choice(len(rows), most, replace=False)
    return rows[np.sort(chosen)]


def _parts(rows: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        yield np.ascontiguousarray(rows[start : start + _ROWS_AT_A_TIME])


def _add_on_gpu(index: Any, rows: NDArray[np.float32]) -> None:
    from faiss.contrib.ivf_tools import add_preassigned

    quantiser = _library.index_cpu_to_all_gpus(faiss.downcast_index(index.quantizer))
    _, lists = quantiser.search(rows, 1)
    first = int(index.ntotal)
    add_preassigned(index, rows, lists.ravel(), np.arange(first, first + len(rows), dtype=np.int64))
