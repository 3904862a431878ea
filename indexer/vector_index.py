"""The VectorIndex: unit vectors keyed by segment id, as one generation of files that never change.

    ids.npy        segment ids, ascending
    contents.npy   the content that each segment is of
    spans.npy      where it begins and ends in it, in seconds
    vectors.npy    their vectors, float32, memory-mapped
    coarse.faiss   what narrows the search down (see ``coarse``); small libraries have none

What they are is said by ``About``, which the store's manifest holds: a directory that no manifest names is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from indexer.catalog import SegmentVectors
from indexer.coarse import Coarse, IndexKind, loaded, opened, train
from indexer.nearest import nearest_rows
from indexer.recall import RECALL_AT, Effort, least_efforts, refined

EXACT_ROWS = 20_000
"""Rows that a filter may leave so that all of them are compared: some milliseconds, and nothing is missed."""

_ARRAYS = ("ids", "contents", "spans", "vectors")
_COARSE = "coarse.faiss"
_ROWS_AT_A_TIME = 20_000


class Hit(NamedTuple):
    """A segment, its cosine with the query, the content that it is of, and where it lies in that, in seconds."""

    segment_id: int
    score: float
    content_id: int
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class About:
    """What a generation is: its kind, the number of rows, on how many of them its lists were learnt, and the effort
    that each share of them needs, with the recall measured, the largest share first (none for ``exact``)."""

    kind: IndexKind
    rows: int
    dim: int
    trained_on: int
    efforts: tuple[Effort, ...]


@dataclass(frozen=True)
class Allowed:
    """Rows that a search may return: ``positions`` ascending, and the same as little-endian bits."""

    positions: NDArray[np.int64]
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, positions: NDArray[np.int64], *, rows: int) -> "Allowed":
        """The rows at ``positions`` of so many."""
        marked = np.zeros(rows, np.bool_)
        marked[positions] = True
        return cls(positions, np.packbits(marked, bitorder="little"))


class VectorIndex:
    """An opened generation; see ``open_index``. Safe to search from several threads."""

    def __init__(
        self,
        about: About,
        segments: SegmentVectors,
        coarse: Coarse | None,
    ) -> None:
        self.about = about
        self.segments = segments
        """All rows, memory-mapped."""
        self.coarse = coarse

    @classmethod
    def empty(cls, dim: int) -> "VectorIndex":
        """An index without vectors, which is in no files."""
        about = About(kind=IndexKind.EXACT, rows=0, dim=dim, trained_on=0, efforts=())
        return cls(about, no_segments(dim), None)

    def __len__(self) -> int:
        return len(self.segments.ids)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Segment ids, ascending, shape (N,)."""
        return self.segments.ids

    @property
    def content_ids(self) -> NDArray[np.int64]:
        """Their contents, shape (N,)."""
        return self.segments.content_ids

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Their vectors, shape (N, D)."""
        return self.segments.vectors

    @property
    def last_id(self) -> int:
        """The highest segment id, or zero."""
        return int(self.ids[-1]) if len(self.ids) else 0

    def search(
        self, query: NDArray[np.float32], *, count: int, among: Allowed | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions of the ``count`` best rows and their cosines, best first; fewer only where there are fewer.

        ``query``: a unit vector, (D,). ``among``: rows that may be returned; all of them without it.
        """
        there_are = len(self) if among is None else len(among.positions)
        count = min(count, there_are)
        if self.coarse is None or there_are <= EXACT_ROWS:
            return nearest_rows(
                query, self.vectors, count=count, among=None if among is None else among.positions
            )
        effort = self.effort(there_are / len(self))
        # The effort was measured for ten results; more of them lie in more lists.
        probes = round(effort.probes * max(1.0, count / (4 * RECALL_AT)) ** 0.5)
        bits = None if among is None else among.bits
        while True:
            positions, scores = refined(
                self.coarse,
                query,
                self.vectors,
                count=count,
                probes=probes,
                refined=effort.refined,
                allowed=bits,
            )
            if len(positions) >= count:
                return positions, scores
            if probes >= self.coarse.most_effort:
                return nearest_rows(
                    query, self.vectors, count=count, among=None if among is None else among.positions
                )
            probes = min(self.coarse.most_effort, probes * 4)

    def effort(self, share: float) -> Effort:
        """The effort for a share of the rows: that of the next smaller share that was measured."""
        efforts = self.about.efforts
        return next((effort for effort in efforts if effort.share <= share), efforts[-1])


def open_index(directory: Path, about: About) -> VectorIndex:
    """Open what ``write_index`` wrote and called so; ValueError if it is missing, broken, or something else.

    Looks at sizes and forms alone, so that opening takes no longer for a large one; ``verify`` reads it all.
    """
    try:
        # As plain arrays: NumPy's own class for mapped ones is slow to take from.
        ids, content_ids, spans_s, vectors = (
            np.load(directory / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in _ARRAYS
        )
        coarse = None if about.kind is IndexKind.EXACT else opened(about.kind, directory / _COARSE)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"no usable index: {error}") from error
    rows = (about.rows,)
    if (ids.shape, content_ids.shape, spans_s.shape, vectors.shape) != (
        rows,
        rows,
        (*rows, 2),
        (*rows, about.dim),
    ):
        raise ValueError(f"not an index of {about.rows} rows of dimension {about.dim}")
    types = (ids.dtype, content_ids.dtype, spans_s.dtype, vectors.dtype)
    if types != (np.int64, np.int64, np.float64, np.float32) or (
        coarse is not None and len(coarse) != about.rows
    ):
        raise ValueError("its files do not belong together")
    if coarse is not None and not about.efforts:
        raise ValueError("no effort was measured for it")
    return VectorIndex(about, SegmentVectors(ids, content_ids, spans_s, vectors), coarse)


def no_segments(dim: int) -> SegmentVectors:
    """Rows of none."""
    none = np.empty(0, np.int64)
    return SegmentVectors(none, none, np.empty((0, 2)), np.empty((0, dim), np.float32))


def write_index(
    directory: Path,
    parts: Iterable[SegmentVectors],
    *,
    kind: IndexKind,
    count: int,
    dim: int,
    old: tuple[Path, About] | None = None,
) -> About:
    """Write a generation of ``count`` rows from ``parts``, whose ids ascend, and say what it is.

    ``old``: a generation of the same kind, whose rows come first, followed by ``parts``; its lists are kept, so
    that only new rows are sorted into them.
    """
    directory.mkdir()
    base = None if old is None else open_index(*old)
    rows = count + (0 if base is None else len(base))
    held = () if base is None else _rows_of(base)
    vectors = _written(directory, chain(held, parts), rows=rows, dim=dim)
    if kind is IndexKind.EXACT or rows == 0:
        return About(kind=IndexKind.EXACT, rows=rows, dim=dim, trained_on=0, efforts=())
    if old is None:
        coarse, trained_on = train(kind, vectors, count=rows), rows
    else:
        coarse, trained_on = loaded(kind, old[0] / _COARSE), old[1].trained_on
    coarse.add(vectors[len(coarse) :])
    coarse.save(directory / _COARSE)
    efforts = least_efforts(opened(kind, directory / _COARSE), vectors, least_rows=EXACT_ROWS)
    return About(kind=kind, rows=rows, dim=dim, trained_on=trained_on, efforts=tuple(efforts))


def files_of(directory: Path) -> list[Path]:
    """The files of a generation, whichever of them there are."""
    return [
        path
        for name in (*(f"{array}.npy" for array in _ARRAYS), _COARSE)
        if (path := directory / name).exists()
    ]


def _rows_of(index: VectorIndex) -> Iterable[SegmentVectors]:
    for start in range(0, len(index), _ROWS_AT_A_TIME):
        yield index.segments[start : start + _ROWS_AT_A_TIME]


def _written(directory: Path, parts: Iterable[SegmentVectors], *, rows: int, dim: int) -> NDArray[np.float32]:
    none = no_segments(dim)
    if rows == 0:
        for name, array in zip(_ARRAYS, _arrays(none), strict=True):
            np.save(directory / f"{name}.npy", array)
        return none.vectors
    # They may not fit memory, so they are written as they come.
    written = [
        open_memmap(directory / f"{name}.npy", "w+", array.dtype, (rows, *array.shape[1:]))
        for name, array in zip(_ARRAYS, _arrays(none), strict=True)
    ]
    start = 0
    for part in parts:
        end = start + len(part.ids)
        for array, rows_of_part in zip(written, _arrays(part), strict=True):
            array[start:end] = rows_of_part
        start = end
    if start != rows:
        raise ValueError(f"{rows} rows were to be written, and there were {start}")
    for array in written:
        array.flush()
    return written[-1].view(np.ndarray)


def _arrays(segments: SegmentVectors) -> tuple[NDArray[Any], ...]:
    """In the order of ``_ARRAYS``."""
    return segments.ids, segments.content_ids, segments.spans_s, segments.vectors
