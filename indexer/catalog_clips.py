"""From rows of clips to records: whole ones, and those that results show.

The second are what every search asks for, in ten contents of a million: they leave out whatever no result shows, since
half of a row is found and made into a record twice as fast as all of it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, select
from sqlalchemy.sql import Select

from indexer.catalog_descriptions import conditions, layers_of, shown_of
from indexer.catalog_lookups import Lookups, Statement, ids_of
from indexer.catalog_schema import ClipRow, LibraryRow
from indexer.paths import path_from_bytes
from indexer.records import Clip, ClipStatus, FoundClip, SearchFilter

_T = TypeVar("_T")

_MORE_CLIPS = 10
"""Clips for each content that one look takes, beyond what a single content may need."""


def clip_columns() -> Select[Any]:
    """Selects all that ``clip_of`` makes a clip of."""
    return _with_library(*ClipRow.__table__.columns)


def found_columns() -> Select[Any]:
    """Selects all that ``found_clip_of`` makes a clip of."""
    placed = ClipRow.id, ClipRow.content_id, ClipRow.path, ClipRow.duration_s
    shown = (
        ClipRow.title,
        ClipRow.description,
        ClipRow.artist,
        ClipRow.licence,
        ClipRow.category,
        ClipRow.tags,
    )
    return _with_library(*placed, *shown)


def _with_library(*columns: Any) -> Select[Any]:
    selected: Any = select(*columns, LibraryRow.name.label("library"))
    return selected.join(LibraryRow, LibraryRow.id == ClipRow.library_id)


def clip_of(row: Any) -> Clip:
    """The clip that a row of ``clip_columns`` has."""
    layers = layers_of(row)
    return Clip(
        clip_id=row.id,
        library=row.library,
        path=path_from_bytes(row.path),
        size_bytes=row.size_bytes,
        mtime_ns=row.mtime_ns,
        sha256=row.sha256,
        content_id=row.content_id,
        duration_s=row.duration_s,
        source_rate_hz=row.source_rate_hz,
        status=ClipStatus(row.status),
        reason_code=row.reason_code,
        reason=row.reason,
        found_description=layers.found,
        file_description=layers.of_file,
        own_description=layers.own,
    )


def found_clip_of(row: Any) -> FoundClip:
    """The clip that a row of ``found_columns`` has."""
    return FoundClip(
        row.id, row.content_id, row.library, path_from_bytes(row.path), row.duration_s, shown_of(row)
    )


def by_content(
    lookups: Lookups,
    columns: Callable[[], Select[Any]],
    made_of: Callable[[Any], _T],
    content_ids: Sequence[int],
    *,
    filter: SearchFilter,
    most_each: int,
) -> dict[int, list[_T]]:
    """Searchable clips that have these contents and pass a filter, ``most_each`` of each, by library and path.

    ``columns`` and ``made_of``: one of the two pairs above.
    """
    found: dict[int, list[_T]] = {}
    most = most_each + _MORE_CLIPS * len(content_ids)
    # Nearly always a content has one clip or two, and counting them by content takes five times as long.
    rows = lookups.rows(_all_of(columns, filter), {"content_ids": content_ids, "most": most})
    if len(rows) == most:
        rows = lookups.rows(_first_of(columns, filter), {"content_ids": content_ids, "most_each": most_each})
    for row in rows:
        of_content = found.setdefault(row.content_id, [])
        if len(of_content) < most_each:
            of_content.append(made_of(row))
    return found


@lru_cache(maxsize=256)
def _all_of(columns: Callable[[], Select[Any]], filter: SearchFilter) -> Statement:
    """Clips of ``content_ids`` that pass a filter, ``most`` of all, by library and path."""
    ordered = _passing(columns, filter).order_by(LibraryRow.name, ClipRow.path)
    return Statement(ordered.limit(bindparam("most")))


@lru_cache(maxsize=256)
def _first_of(columns: Callable[[], Select[Any]], filter: SearchFilter) -> Statement:
    """Clips of ``content_ids`` that pass a filter, ``most_each`` of each, by library and path."""
    place = func.row_number().over(partition_by=ClipRow.content_id, order_by=(LibraryRow.name, ClipRow.path))
    held = _passing(columns, filter).add_columns(place.label("place")).subquery()
    few = select(held).where(held.c.place <= bindparam("most_each"))
    return Statement(few.order_by(held.c.library, held.c.path))


def _passing(columns: Callable[[], Select[Any]], filter: SearchFilter) -> Select[Any]:
    passing = columns().where(*conditions(filter, of_few=True))
    return passing.where(ClipRow.content_id.in_(ids_of("content_ids")))
