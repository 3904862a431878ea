"""One vector for each content, streamed from the catalogue: what whole sounds are compared by.

A content's vector is the normalised mean of its segments' vectors. They are written to a file and memory-mapped, so
that a million contents take disk (2 kB each at 512 dimensions) and not memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from indexer import catalog_descriptions as descriptions
from indexer.catalog import Catalog
from indexer.catalog_schema import ClipRow, SegmentRow
from indexer.records import SearchFilter

_SEGMENTS_AT_A_TIME = 10_000


@dataclass(frozen=True)
class ContentVectors:
    """Contents: ids ascending, (N,), lengths in seconds, (N,), and unit vectors, (N, D)."""

    ids: NDArray[np.int64]
    durations_s: NDArray[np.float64]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)


def content_vectors(catalog: Catalog, filter: SearchFilter) -> Iterator[ContentVectors]:
    """Yield the contents that searchable clips passing a filter have, in portions, by id."""
    dim = catalog.state().space.dim
    held: ContentVectors | None = None  # The last content, which may go on in the next portion.
    for portion in _summed_portions(catalog, filter, dim):
        if held is not None and held.ids[0] == portion.ids[0]:
            portion.vectors[0] += held.vectors[0]
            portion.durations_s[0] = max(portion.durations_s[0], held.durations_s[0])
        elif held is not None:
            yield _normalised(held)
        if len(portion) > 1:
            yield _normalised(_part(portion, slice(None, -1)))
        held = _part(portion, slice(-1, None))
    if held is not None:
        yield _normalised(held)


def write_content_vectors(catalog: Catalog, filter: SearchFilter, file: Path) -> ContentVectors:
    """Write them all to a file, and return them with vectors that are mapped from it (read-only)."""
    dim = catalog.state().space.dim
    ids, durations_s = [np.empty(0, np.int64)], [np.empty(0, np.float64)]
    with open(file, "wb") as out:
        for portion in content_vectors(catalog, filter):
            ids.append(portion.ids)
            durations_s.append(portion.durations_s)
            out.write(portion.vectors.tobytes())
    all_ids = np.concatenate(ids)
    vectors = np.empty((0, dim), np.float32)
    if len(all_ids):
        vectors = np.memmap(file, np.float32, mode="r", shape=(len(all_ids), dim))
    return ContentVectors(all_ids, np.concatenate(durations_s), vectors)


def shared_contents(catalog: Catalog, filter: SearchFilter) -> list[int]:
    """Contents that more than one searchable clip passing a filter has, ascending."""
    clips = select(ClipRow.content_id).where(*descriptions.conditions(filter, of_few=False))
    several = clips.group_by(ClipRow.content_id).having(func.count() > 1).order_by(ClipRow.content_id)
    with catalog.reading() as connection:
        return [content_id for content_id in connection.execute(several).scalars() if content_id is not None]


def _summed_portions(catalog: Catalog, filter: SearchFilter, dim: int) -> Iterator[ContentVectors]:
    """Sums of segments' vectors by content, over portions of segments: a content may be in several portions."""
    passes = select(ClipRow.id).where(
        ClipRow.content_id == SegmentRow.content_id, *descriptions.conditions(filter, of_few=True)
    )
    segments = select(SegmentRow.content_id, SegmentRow.end_s, SegmentRow.vector)
    segments = segments.where(passes.exists()).order_by(SegmentRow.content_id, SegmentRow.id)
    with catalog.reading() as connection:
        rows = connection.execute(segments.execution_options(yield_per=_SEGMENTS_AT_A_TIME))
        for part in rows.partitions():
            ids = np.array([row.content_id for row in part], np.int64)
            ends_s = np.array([row.end_s for row in part], np.float64)
            vectors = np.frombuffer(b"".join(row.vector for row in part), "<f4").reshape(-1, dim)
            starts = np.flatnonzero(np.diff(ids, prepend=-1))
            yield ContentVectors(
                ids[starts],
                np.maximum.reduceat(ends_s, starts),
                np.add.reduceat(vectors, starts, axis=0, dtype=np.float32),
            )


def _part(contents: ContentVectors, which: slice) -> ContentVectors:
    return ContentVectors(contents.ids[which], contents.durations_s[which], contents.vectors[which])


def _normalised(contents: ContentVectors) -> ContentVectors:
    lengths = np.linalg.norm(contents.vectors, axis=1, keepdims=True)
    vectors = contents.vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return ContentVectors(contents.ids, contents.durations_s, np.ascontiguousarray(vectors, np.float32))
