"""What users change in a catalogue besides indexing: empty libraries, what a clip is called, clips that must go.

Nothing here needs the writer's lock of the store. That lock keeps two runs of indexing, and two publications of the
index, from each other; these are single transactions on rows that a run never takes for granted: it lays a user's
description over whatever it found, and leaves out what was deleted, in the transaction that writes (``Catalog.put``).
No segment goes away here, for a run may be about to give one to a copy: segments that no clip has are returned by no
search, and the next run forgets them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import delete, insert, select, update

from indexer import catalog_descriptions as descriptions
from indexer.catalog import Catalog, bump, check_library_name, known_library_id
from indexer.catalog_clips import clip_columns, clip_of
from indexer.catalog_schema import ClipRow, DeletedClipRow, LibraryRow
from indexer.description import describe
from indexer.errors import ClipNotFoundError, LibraryExistsError
from indexer.paths import path_to_bytes
from indexer.records import Clip

Said = Mapping[str, str | Sequence[str] | None]
"""By the name of a field of a Description: its new text, or None for none of the user's own."""


def create_library(catalog: Catalog, name: str) -> None:
    """Make an empty library. Raises InvalidLibraryNameError or LibraryExistsError."""
    check_library_name(name)
    with catalog.writing() as connection:
        if connection.execute(select(LibraryRow.id).where(LibraryRow.name == name)).first() is not None:
            raise LibraryExistsError(f"There is a library {name!r} already.")
        connection.execute(insert(LibraryRow).values(name=name))


def describe_clip(catalog: Catalog, clip_id: str, said: Said) -> Clip:
    """Lay a user's words over what was found of a clip, field by field; the clip as it is then.

    What holds no text is as good as None. Raises ClipNotFoundError.
    """
    with catalog.writing() as connection:
        row = connection.execute(clip_columns().where(ClipRow.id == clip_id)).first()
        if row is None:
            raise _no_clip(clip_id)
        clip = clip_of(row)
        # Cleaned by itself: what was said before is clean.
        cleaned = describe(**{name: value for name, value in said.items() if value})  # pyright: ignore[reportArgumentType]
        own = replace(clip.own_description, **{name: getattr(cleaned, name) for name in said})
        clip = replace(clip, own_description=own)
        changed = update(ClipRow).where(ClipRow.id == clip_id).values(**descriptions.columns_of(clip))
        connection.execute(changed)
        descriptions.put_tags(connection, clip, library_id=row.library_id, is_new=False)
        bump(connection, deleted=False)
    return clip


def delete_clip(catalog: Catalog, clip_id: str) -> None:
    """Forget a clip, and take its file in no more unless it is named itself (``take_back``). ClipNotFoundError."""
    with catalog.writing() as connection:
        row = connection.execute(
            select(ClipRow.library_id, ClipRow.path).where(ClipRow.id == clip_id)
        ).first()
        if row is None:
            raise _no_clip(clip_id)
        connection.execute(delete(ClipRow).where(ClipRow.id == clip_id))
        remembered = {"library_id": row.library_id, "path": row.path}
        connection.execute(insert(DeletedClipRow).prefix_with("OR IGNORE").values(**remembered))
        bump(connection, deleted=False)


def take_back(catalog: Catalog, library: str, paths: Sequence[Path]) -> None:
    """Let runs of indexing take in files again whose clips were deleted; others are ignored."""
    if not catalog.deleted_among(library, paths):
        return
    with catalog.writing() as connection:
        of_library = DeletedClipRow.library_id == known_library_id(connection, library)
        for path in paths:
            named = DeletedClipRow.path == path_to_bytes(path)
            connection.execute(delete(DeletedClipRow).where(of_library, named))


def _no_clip(clip_id: str) -> ClipNotFoundError:
    return ClipNotFoundError(f"There is no clip {clip_id!r} in this store.")
