"""Goes through the clips of a library page by page, in the order of their paths.

A page goes on behind the last path that was seen, not behind so many rows, so clips that come and go meanwhile move
none that stay from one page to another: nothing is shown twice, and nothing that was there throughout is left out.
"""

from dataclasses import dataclass
from pathlib import Path

from indexer.catalog import Catalog, known_library_id
from indexer.catalog_clips import clip_columns, clip_of
from indexer.catalog_schema import ClipRow
from indexer.paths import path_to_bytes
from indexer.records import Clip, ClipStatus


@dataclass(frozen=True, kw_only=True)
class ClipPage:
    """Some clips, by path; ``last`` is where the next page goes on, None if this is the last."""

    clips: tuple[Clip, ...]
    last: Path | None


def clip_page(
    catalog: Catalog, library: str, *, most: int, after: Path | None = None, status: ClipStatus | None = None
) -> ClipPage:
    """The first ``most`` clips of a library, or those behind a path; LibraryNotFoundError without the library."""
    with catalog.reading() as connection:
        of_library = clip_columns().where(ClipRow.library_id == known_library_id(connection, library))
        if after is not None:
            of_library = of_library.where(ClipRow.path > path_to_bytes(after))
        if status is not None:
            of_library = of_library.where(ClipRow.status == status.value)
        rows = connection.execute(of_library.order_by(ClipRow.path).limit(most + 1)).all()
    clips = tuple(clip_of(row) for row in rows[:most])
    return ClipPage(clips=clips, last=clips[-1].path if len(rows) > most else None)
