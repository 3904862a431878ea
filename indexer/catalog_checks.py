"""What can be wrong inside a catalogue, in words. Used by ``verify`` alone."""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection

from indexer.catalog import Catalog
from indexer.catalog_schema import ClipRow, ContentRow, SegmentRow
from indexer.records import ClipStatus

_FIRST_FEW = 5


def catalog_problems(catalog: Catalog) -> Iterator[str]:
    """Everything that is wrong with the database itself, between its tables, and with the vectors in it."""
    dim = catalog.state().space.dim
    with catalog.reading() as connection:
        yield from _of_the_file(connection)
        yield from _of_the_rows(connection)
        yield from _of_the_vectors(connection, dim)


def _of_the_file(connection: Connection) -> Iterator[str]:
    for (line,) in connection.execute(text("PRAGMA integrity_check(20)")):
        if line != "ok":
            yield f"SQLite finds it damaged: {line}"
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        yield f"{len(broken)} rows belong to rows that are not there, the first in table {broken[0][0]!r}"


def _of_the_rows(connection: Connection) -> Iterator[str]:
    without = select(ClipRow.id).where(ClipRow.status == ClipStatus.INDEXED, ClipRow.content_id.is_(None))
    yield from _if_any(connection.execute(without).scalars().all(), "indexed clips have no audio")
    held = select(SegmentRow.id).where(SegmentRow.content_id == ContentRow.id).exists()
    empty = connection.execute(select(ContentRow.id).where(~held)).scalars().all()
    yield from _if_any(empty, "contents have no segments")
    backwards = select(SegmentRow.id).where(
        (SegmentRow.start_s < 0) | (SegmentRow.end_s <= SegmentRow.start_s)
    )
    yield from _if_any(connection.execute(backwards).scalars().all(), "segments end before they start")


def _of_the_vectors(connection: Connection, dim: int) -> Iterator[str]:
    sized = select(SegmentRow.id).where(func.length(SegmentRow.vector) != 4 * dim)
    wrong = connection.execute(sized).scalars().all()
    yield from _if_any(wrong, f"vectors are not of {dim} dimensions")
    if wrong:
        return
    bad: list[int] = []
    rows = connection.execution_options(yield_per=10_000).execute(select(SegmentRow.id, SegmentRow.vector))
    for part in rows.partitions():
        vectors = np.frombuffer(b"".join(row.vector for row in part), "<f4").reshape(-1, dim)
        with np.errstate(over="ignore", invalid="ignore"):
            is_unit = np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3
        bad += [row.id for row, fits in zip(part, is_unit, strict=True) if not fits]
    yield from _if_any(bad, "vectors are not of length one")


def _if_any(ids: Sequence[int | str], what: str) -> Iterator[str]:
    if ids:
        first = ", ".join(str(item) for item in ids[:_FIRST_FEW])
        yield f"{len(ids)} {what} (ids {first}{', ...' if len(ids) > _FIRST_FEW else ''})"
