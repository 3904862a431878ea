"""The catalogue's side of descriptions and filters: columns and rows of text, and SQL that asks for them.

Used by ``catalog`` alone, inside its transactions.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, select, true
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


class Layers(NamedTuple):
    """What was found of a clip, what of it the file itself says, and what a user said; see ``records.Clip``."""

    found: Description
    of_file: Description
    own: Description


def shown_of(row: Any) -> Description:
    """What a row of clips shows, with what a user said."""
    said = (row.title, row.description, row.artist, row.licence, row.category, row.tags)
    if not any(said):
        return NOTHING  # one object, however many clips
    return Description(
        title=row.title,
        description=row.description,
        artist=row.artist,
        licence=row.licence,
        category=row.category,
        tags=() if row.tags is None else tuple(json.loads(row.tags)),
    )


def layers_of(row: Any) -> Layers:
    """What a row of clips says."""
    shown = shown_of(row)
    found = shown if row.own_description is None else _from_json(row.found_description)
    of_file = found if row.file_description is None else _from_json(row.file_description)
    return Layers(found, of_file, _from_json(row.own_description))


def own_descriptions(connection: Connection, clip_ids: Sequence[str]) -> dict[str, Description]:
    """What a user said of these clips; those of which nothing was said are left out."""
    said = select(ClipRow.id, ClipRow.own_description).where(
        ClipRow.id.in_(clip_ids), ClipRow.own_description.is_not(None)
    )
    return {row.id: _from_json(row.own_description) for row in connection.execute(said)}


def columns_of(clip: Clip) -> dict[str, str | None]:
    """Columns of a clip's row for its descriptions."""
    shown, found, of_file = clip.description, clip.found_description, clip.file_description
    has_own = clip.own_description != NOTHING
    return {
        "title": shown.title,
        "description": shown.description,
        "artist": shown.artist,
        "licence": shown.licence,
        "licence_key": shown.licence and filter_key(shown.licence),
        "category": shown.category,
        "category_key": shown.category and filter_key(shown.category),
        "tags": _json(shown.tags) if shown.tags else None,
        "file_description": None if of_file == found else _to_json(of_file),
        "own_description": _to_json(clip.own_description) if has_own else None,
        "found_description": _to_json(found) if has_own else None,
    }


def put_tags(connection: Connection, clip: Clip, *, library_id: int, is_new: bool) -> None:
    """Let a clip be found by the tags that its description has, and no others."""
    if not is_new:
        connection.execute(delete(ClipTagRow).where(ClipTagRow.clip_id == clip.clip_id))
    if clip.status is not ClipStatus.INDEXED or not clip.description.tags:
        return
    keys = {filter_key(tag): tag for tag in clip.description.tags}
    fixed = {"clip_id": clip.clip_id, "library_id": library_id}
    connection.execute(insert(ClipTagRow), [fixed | {"tag": key, "shown": tag} for key, tag in keys.items()])


def filter_values(connection: Connection, *, library_id: int | None, most: int) -> FilterValues:
    """Tags, licences and categories of searchable clips, the ``most`` frequent of each."""
    searchable = ClipRow.status == ClipStatus.INDEXED

    def counts(key: Any, *, shown: Any, library: Any, passing: Any) -> tuple[ValueCount, ...]:
        # Counted by keys alone, which an index holds; how a value is written is looked up for those to be shown.
        counted = select(key.label("key"), func.count().label("clips")).where(key.is_not(None), passing)
        if library_id is not None:
            counted = counted.where(library == library_id)
        frequent = counted.group_by(key).order_by(func.count().desc(), key).limit(most)
        one = select(shown).limit(1)
        return tuple(
            ValueCount(value=connection.execute(one.where(key == row.key)).scalar_one(), clips=row.clips)
            for row in connection.execute(frequent).all()
        )

    return FilterValues(
        tags=counts(ClipTagRow.tag, shown=ClipTagRow.shown, library=ClipTagRow.library_id, passing=true()),
        licences=counts(
            ClipRow.licence_key, shown=ClipRow.licence, library=ClipRow.library_id, passing=searchable
        ),
        categories=counts(
            ClipRow.category_key, shown=ClipRow.category, library=ClipRow.library_id, passing=searchable
        ),
    )


def _to_json(description: Description) -> str:
    return _json({name: value for name, value in asdict(description).items() if value})


def _from_json(text: str | None) -> Description:
    if text is None:
        return NOTHING
    held = json.loads(text)
    return Description(**held | {"tags": tuple(held.get("tags", ()))})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
