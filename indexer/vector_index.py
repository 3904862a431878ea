"""The VectorIndex: unit vectors keyed by segment id, searched exactly by inner product (FAISS, flat).

An index never changes once made: ``with_changes`` gives a new one, so that searches in other threads go on
undisturbed.
"""

from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from model.files import write_atomically


class Hit(NamedTuple):
    """A segment and its cosine with the query."""

    segment_id: int
    score: float


class VectorIndex:
    """Vectors of one space, shape (len(index), dim), with their segment ids."""

    def __init__(self, faiss_index: faiss.IndexIDMap2) -> None:
        self._faiss = faiss_index

    @classmethod
    def empty(cls, dim: int) -> "VectorIndex":
        """An index without vectors."""
        return cls(faiss.IndexIDMap2(faiss.IndexFlatIP(dim)))

    @classmethod
    def load(cls, path: Path, *, dim: int) -> "VectorIndex":
        """Read an index that ``save`` wrote; ValueError if the file is missing, broken, or of another
        dimension."""
        try:
            loaded = faiss.deserialize_index(np.fromfile(path, np.uint8))
        except (OSError, RuntimeError, MemoryError) as error:
            raise ValueError(f"no usable index: {error}") from error
        if (
            not isinstance(loaded, faiss.IndexIDMap2)
            or loaded.d != dim
            or loaded.metric_type != faiss.METRIC_INNER_PRODUCT
        ):
            raise ValueError("not an index of this kind and dimension")
        return cls(loaded)

    def save(self, path: Path) -> None:
        """Write the index so that ``path`` holds either what it held before or the whole new index."""
        write_atomically(path, faiss.serialize_index(self._faiss).tobytes())

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Segment ids, in no particular order, shape (len(self),)."""
        return faiss.vector_to_array(self._faiss.id_map)

    def with_changes(
        self, *, added_ids: NDArray[np.int64], added: NDArray[np.float32], removed_ids: NDArray[np.int64]
    ) -> "VectorIndex":
        """A new index without ``removed_ids`` and with ``added`` vectors, shape (len(added_ids), dim)."""
        copy: Any = faiss.clone_index(self._faiss)  # Its stubs know the C++ methods, not the NumPy ones.
        if len(removed_ids):
            copy.remove_ids(removed_ids)
        if len(added_ids):
            copy.add_with_ids(np.ascontiguousarray(added, np.float32), added_ids)
        return VectorIndex(copy)

    def search(
        self, vector: NDArray[np.float32], *, count: int, among: NDArray[np.uint8] | None = None
    ) -> list[Hit]:
        """The ``count`` best hits (fewer where there are fewer), best first; shape of ``vector``: (dim,).

        ``among`` limits the search to segments whose bit is set; see ``bitmap_of``.
        """
        if count < 1 or len(self) == 0:
            return []
        library: Any = faiss
        parameters = None if among is None else library.SearchParameters(sel=library.IDSelectorBitmap(among))
        query = np.ascontiguousarray(vector[None, :], np.float32)
        scores, ids = self._faiss.search(query, min(count, len(self)), params=parameters)
        return [Hit(int(i), float(score)) for i, score in zip(ids[0], scores[0], strict=True) if i >= 0]


def bitmap_of(ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Bits that are set at the given segment ids, for ``VectorIndex.search``."""
    bits = np.zeros((int(ids.max()) // 8 + 1) * 8 if len(ids) else 8, np.uint8)
    bits[ids] = 1
    return np.packbits(bits, bitorder="little")
