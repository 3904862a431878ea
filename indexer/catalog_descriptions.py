"""The catalogue's side of descriptions and filters: columns and rows of text, and SQL that asks for them.

Used by ``catalog`` alone, inside its transactions.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, join, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnExpressionArgument

from indexer.catalog_schema import ClipRow, ClipTagRow, LibraryRow
from indexer.description import NOTHING, Description, filter_key
from indexer.paths import path_to_bytes
from indexer.records import Clip, ClipStatus, FilterValues, SearchFilter, ValueCount


def conditions(asked: SearchFilter, *, of_few: bool) -> Iterator[ColumnExpressionArgument[bool]]:
    """What a row of clips must fulfil to be searchable and pass a filter.

    ``of_few`` says that the statement names a few clips otherwise: then their tags are looked up, else the clips of
    a tag.
    """
    yield ClipRow.status == ClipStatus.INDEXED
    if asked.library is not None:
        named = select(LibraryRow.id).where(LibraryRow.name == asked.library)
        yield ClipRow.library_id == named.scalar_subquery()
    elif asked.folder is not None:
        yield ClipRow.library_id.in_(select(LibraryRow.id))  # for the index of library and path
    if asked.folder is not None:
        first, beyond = _paths_below(asked.folder)
        yield ClipRow.path >= first
        yield ClipRow.path < beyond
    if asked.min_duration_s is not None:
        yield ClipRow.duration_s >= asked.min_duration_s
    if asked.max_duration_s is not None:
        yield ClipRow.duration_s <= asked.max_duration_s
    if asked.licence is not None:
        yield ClipRow.licence_key == filter_key(asked.licence)
    if asked.category is not None:
        yield ClipRow.category_key == filter_key(asked.category)
    for key in {filter_key(tag) for tag in asked.tags}:
        yield _has_tag(key, of_few=of_few)


def _has_tag(key: str, *, of_few: bool) -> ColumnElement[bool]:
    if of_few:
        held = select(ClipTagRow.tag).where(ClipTagRow.clip_id == ClipRow.id, ClipTagRow.tag == key)
        return held.correlate(ClipRow).exists()
    return ClipRow.id.in_(select(ClipTagRow.clip_id).where(ClipTagRow.tag == key))


def _paths_below(folder: Path) -> tuple[bytes, bytes]:
    """The first path below a folder, and the first that is not below it any more, in the order of bytes."""
    prefix = path_to_bytes(folder).rstrip(b"/")
    return prefix + b"/", prefix + b"0"  # "0" follows "/"


def shown_tags() -> ColumnElement[str]:
    """The tags of each clip of a statement, as JSON; for ``description_of``."""
    held = select(func.json_group_array(ClipTagRow.shown)).where(ClipTagRow.clip_id == ClipRow.id)
    return held.correlate(ClipRow).scalar_subquery().label("tags")


def descriptions_of(row: Any) -> tuple[Description, Description]:
    """What a row of clips with ``shown_tags`` says, and what of it the file itself says."""
    tags = () if row.tags == "[]" else tuple(sorted(json.loads(row.tags), key=filter_key))
    shown = Description(
        title=row.title,
        description=row.description,
        artist=row.artist,
        licence=row.licence,
        category=row.category,
        tags=tags,
    )
    if shown == NOTHING:
        shown = NOTHING  # one object, however many clips
    if row.file_description is None:
        return shown, shown
    held = json.loads(row.file_description)
    return shown, Description(**held | {"tags": tuple(held.get("tags", ()))})


def columns_of(clip: Clip) -> dict[str, str | None]:
    """Columns of a clip's row for its descriptions, but for its tags."""
    shown = clip.description
    return {
        "title": shown.title,
        "description": shown.description,
        "artist": shown.artist,
        "licence": shown.licence,
        "licence_key": shown.licence and filter_key(shown.licence),
        "category": shown.category,
        "category_key": shown.category and filter_key(shown.category),
        "file_description": None if clip.file_description == shown else _json(clip.file_description),
    }


def put_tags(connection: Connection, clip: Clip, *, is_new: bool) -> None:
    """Give a clip the tags that its description has, and no others."""
    if not is_new:
        connection.execute(delete(ClipTagRow).where(ClipTagRow.clip_id == clip.clip_id))
    rows = [{"clip_id": clip.clip_id, "tag": filter_key(tag), "shown": tag} for tag in clip.description.tags]
    if rows:
        connection.execute(insert(ClipTagRow), rows)


def filter_values(connection: Connection, asked: SearchFilter, *, most: int) -> FilterValues:
    """Tags, licences and categories of the clips that pass a filter, the ``most`` frequent of each."""
    passing = list(conditions(asked, of_few=False))
    with_tags = join(ClipRow, ClipTagRow, ClipRow.id == ClipTagRow.clip_id)

    def counts(source: Any, *, shown: Any, key: Any) -> tuple[ValueCount, ...]:
        counted = select(func.min(shown).label("value"), func.count().label("clips")).select_from(source)
        counted = counted.where(key.is_not(None), *passing).group_by(key)
        rows = connection.execute(counted.order_by(func.count().desc(), key).limit(most))
        return tuple(ValueCount(value=row.value, clips=row.clips) for row in rows)

    return FilterValues(
        tags=counts(with_tags, shown=ClipTagRow.shown, key=ClipTagRow.tag),
        licences=counts(ClipRow, shown=ClipRow.licence, key=ClipRow.licence_key),
        categories=counts(ClipRow, shown=ClipRow.category, key=ClipRow.category_key),
    )


def _json(description: Description) -> str:
    return json.dumps(
        {name: value for name, value in asdict(description).items() if value}, ensure_ascii=False
    )
