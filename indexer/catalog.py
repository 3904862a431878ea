"""The Catalog: the SQL store of libraries, clips and segments, and the only source of truth.

It holds the vectors too, so that a file and its vectors change in one transaction (docs/decisions/0002).
Whatever a process was doing when it was killed, the last committed transaction stands.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, case, create_engine, delete, func, insert, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql import Executable, Select

from indexer import catalog_descriptions as descriptions
from indexer.catalog_clips import by_content, clip_columns, clip_of, found_clip_of, found_columns
from indexer.catalog_lookups import CONTENT_OF_AUDIO, STATE_COLUMNS, Lookups
from indexer.catalog_schema import (
    Base,
    ClipRow,
    ClipTagRow,
    ContentRow,
    DeletedClipRow,
    LibraryRow,
    RunRow,
    SegmentRow,
    StateRow,
    add_what_is_lacking,
    lacks_anything,
)
from indexer.description import NOTHING, Description
from indexer.errors import (
    ClipNotFoundError,
    InvalidLibraryNameError,
    LibraryNotFoundError,
    StoreBusyError,
    StoreError,
)
from indexer.paths import path_from_bytes, path_to_bytes
from indexer.records import (
    Clip,
    ClipContent,
    ClipStatus,
    Failure,
    FilterValues,
    FoundClip,
    IndexRun,
    LibrarySummary,
    PlacedClip,
    SearchFilter,
)
from indexer.sqlite_transactions import begin_at_once, for_writing
from model.space import EmbeddingSpace

_T = TypeVar("_T")

FORMAT_VERSION = 2
MAX_LIBRARY_NAME_CHARS = 100
_ROWS_AT_A_TIME = 10_000
_IDS_AT_A_TIME = 1 << 24
_EXAMPLES = 10
_BUSY_TIMEOUT_MS = 30_000


@dataclass(frozen=True)
class CatalogState:
    """What a reader compares to know whether what it holds is current; see ``StateRow``."""

    generation: int
    deletions: int
    space: EmbeddingSpace


@dataclass(frozen=True)
class SegmentVectors:
    """Segments: ids ascending and their contents, shape (N,), where they begin and end in these, in seconds, shape
    (N, 2), and unit vectors, shape (N, D)."""

    ids: NDArray[np.int64]
    content_ids: NDArray[np.int64]
    spans_s: NDArray[np.float64]
    vectors: NDArray[np.float32]

    def __getitem__(self, which: slice | NDArray[np.bool_] | NDArray[np.int64]) -> "SegmentVectors":
        """Some of them."""
        return SegmentVectors(
            self.ids[which], self.content_ids[which], self.spans_s[which], self.vectors[which]
        )


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a vector index lacks: ids of all segments (None if none was taken away), of those that only missing
    clips have, and the new segments in portions."""

    state: CatalogState
    all_ids: NDArray[np.int64] | None
    hidden_ids: NDArray[np.int64]
    new: list[SegmentVectors]


def clip_id_of(library: str, path: Path) -> str:
    """The id of a clip: 20 hexadecimal digits that depend on its library and its path alone."""
    return hashlib.sha256(library.encode() + b"\0" + path_to_bytes(path)).hexdigest()[:20]


def check_library_name(name: str) -> str:
    """Return ``name``; InvalidLibraryNameError unless it is 1 to 100 printable characters, not framed by
    space."""
    is_bounded = 1 <= len(name) <= MAX_LIBRARY_NAME_CHARS
    # Addresses cannot end in dots alone: whoever fetches them takes those for the folder above.
    if not is_bounded or not name.isprintable() or name != name.strip() or name in (".", ".."):
        raise InvalidLibraryNameError(
            f"{name[:MAX_LIBRARY_NAME_CHARS]!r} cannot name a library: "
            f"use 1 to {MAX_LIBRARY_NAME_CHARS} printable characters without white space around them."
        )
    return name


class Catalog:
    """Transactions on one SQLite file. Safe to use from several threads; every failure of SQL is a
    StoreError."""

    def __init__(self, path: Path) -> None:
        """Open the catalogue at ``path`` (made by ``create``)."""
        self._path = path
        self._lookups: Lookups | None = None
        self._opening = threading.Lock()
        self._engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=QueuePool)
        begin_at_once(self._engine)
        self._writing_engine = for_writing(self._engine)

    @classmethod
    def create(cls, path: Path, space: EmbeddingSpace) -> "Catalog":
        """Make the tables at ``path``, bound to ``space``, unless they exist."""
        catalog = cls(path)
        with catalog.writing() as connection:
            Base.metadata.create_all(connection)
            if connection.execute(select(StateRow.id)).first() is None:
                row = {"id": 1, "format_version": FORMAT_VERSION, "generation": 0, "deletions": 0}
                connection.execute(insert(StateRow).values(**row, **_space_columns(space)))
        return catalog

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self._lookups is not None:
            self._lookups.close()

    # State

    def state(self) -> CatalogState:
        """Read generation and space; cheap enough for every query."""
        with self._looking_up() as lookups:
            return _checked_state(lookups.state())

    def rebind(self, space: EmbeddingSpace) -> None:
        """Bind to another space; only a catalogue without segments may be (ValueError)."""
        with self.writing() as connection:
            if connection.execute(select(SegmentRow.id).limit(1)).first() is not None:
                raise ValueError("a catalogue that holds segments stays in its space")
            connection.execute(update(StateRow).values(**_space_columns(space)))
            bump(connection, deleted=True)

    # Libraries

    def libraries(self) -> list[LibrarySummary]:
        """All libraries, by name."""
        segments = (
            select(ClipRow.library_id, func.count().label("segments"))
            .join(SegmentRow, SegmentRow.content_id == ClipRow.content_id)
            .where(ClipRow.status == ClipStatus.INDEXED)
            .group_by(ClipRow.library_id)
            .subquery()
        )
        indexed = ClipRow.status == ClipStatus.INDEXED
        statement = (
            select(
                LibraryRow.name,
                func.count(case((indexed, 1))),
                func.coalesce(segments.c.segments, 0),
                func.count(case((ClipRow.status == ClipStatus.FAILED, 1))),
                func.count(case((ClipRow.status == ClipStatus.MISSING, 1))),
                func.coalesce(func.sum(case((indexed, ClipRow.duration_s))), 0.0),
            )
            .outerjoin(ClipRow, ClipRow.library_id == LibraryRow.id)
            .outerjoin(segments, segments.c.library_id == LibraryRow.id)
            .group_by(LibraryRow.id)
            .order_by(LibraryRow.name)
        )
        with self._transaction() as connection:
            return [
                LibrarySummary(
                    name=name,
                    clips=clips,
                    segments=count,
                    failed=failed,
                    missing=missing,
                    duration_s=duration_s,
                )
                for name, clips, count, failed, missing, duration_s in connection.execute(statement)
            ]

    def library(self, name: str) -> LibrarySummary:
        """One library; LibraryNotFoundError names those there are."""
        known = self.libraries()
        for summary in known:
            if summary.name == name:
                return summary
        raise _no_library(name, [summary.name for summary in known])

    def remove_library(self, name: str) -> None:
        """Forget a library, its clips and segments; LibraryNotFoundError without it. Audio files are not
        touched."""
        self.library(name)
        with self.writing() as connection:
            connection.execute(delete(LibraryRow).where(LibraryRow.name == name))
            bump(connection, deleted=_forget_unused_contents(connection))

    def remove_clips(self, clip_ids: Sequence[str]) -> None:
        """Forget clips and their segments; unknown ids are ignored."""
        with self.writing() as connection:
            for part in _parts(clip_ids):
                connection.execute(delete(ClipRow).where(ClipRow.id.in_(part)))
            bump(connection, deleted=_forget_unused_contents(connection))

    # Clips

    def clip(self, clip_id: str) -> Clip:
        """One clip; ClipNotFoundError without it."""
        with self._transaction() as connection:
            row = connection.execute(clip_columns().where(ClipRow.id == clip_id)).first()
        if row is None:
            raise ClipNotFoundError(f"There is no clip {clip_id!r} in this store.")
        return clip_of(row)

    def clips(self, library: str) -> list[Clip]:
        """All clips of a library, whatever their status, by path; none if there is no such library."""
        with self._transaction() as connection:
            rows = connection.execute(clip_columns().where(LibraryRow.name == library).order_by(ClipRow.path))
            return [clip_of(row) for row in rows]

    def clips_with_content(self, sha256: str, *, most: int, library: str | None = None) -> list[Clip]:
        """Clips whose file had this SHA-256 and that have segments, by library and path: the first ``most``."""
        with self._looking_up() as lookups:
            if not lookups.has_file(sha256):
                return []
        statement = _CLIPS_OF_FILE if library is None else _CLIPS_OF_FILE.where(LibraryRow.name == library)
        with self._transaction() as connection:
            rows = connection.execute(statement.limit(most), {"sha256": sha256})
            return [clip_of(row) for row in rows]

    def clips_at(self, library: str, paths: Sequence[Path]) -> dict[Path, Clip]:
        """Clips of a library at these paths; paths without one are left out."""
        found: dict[Path, Clip] = {}
        with self._transaction() as connection:
            for part in _parts([path_to_bytes(path) for path in paths]):
                held = clip_columns().where(LibraryRow.name == library, ClipRow.path.in_(part))
                found |= {clip.path: clip for clip in map(clip_of, connection.execute(held))}
        return found

    def deleted_among(self, library: str, paths: Sequence[Path]) -> set[Path]:
        """Those of these paths whose clips a user deleted from a library."""
        with self._transaction() as connection:
            return _deleted_among(connection, library, paths)

    def clips_below(self, library: str, folder: Path) -> Iterator[list[PlacedClip]]:
        """Where clips of a library at a path or below it are, by path, in portions.

        What is written between two portions is seen by the later one.
        """
        root = path_to_bytes(folder)
        here = select(ClipRow.id, ClipRow.path, ClipRow.status)
        here = here.join(LibraryRow, LibraryRow.id == ClipRow.library_id).where(LibraryRow.name == library)
        yield self._places(here.where(ClipRow.path == root))
        last, end = root.rstrip(b"/") + b"/", root.rstrip(b"/") + b"0"  # "0" follows "/" in ASCII
        below = here.where(ClipRow.path < end).order_by(ClipRow.path).limit(_ROWS_AT_A_TIME)
        while portion := self._places(below.where(ClipRow.path > last)):
            yield portion
            last = portion[-1].path

    def _places(self, statement: Executable) -> list[PlacedClip]:
        with self._transaction() as connection:
            return [
                PlacedClip(row.id, row.path, ClipStatus(row.status)) for row in connection.execute(statement)
            ]

    def failed_clips(self, library: str) -> Iterator[list[Clip]]:
        """Failed clips of a library, by path, in portions."""
        failed = clip_columns().where(LibraryRow.name == library, ClipRow.status == ClipStatus.FAILED)
        failed, last = failed.order_by(ClipRow.path).limit(_ROWS_AT_A_TIME), b""
        while True:
            with self._transaction() as connection:
                portion = [clip_of(row) for row in connection.execute(failed.where(ClipRow.path > last))]
            if not portion:
                return
            yield portion
            last = path_to_bytes(portion[-1].path)

    def mark_missing(self, clip_ids: Sequence[str]) -> None:
        """No search returns these clips any more; all else about them is kept."""
        if not clip_ids:
            return
        with self.writing() as connection:
            for part in _parts(clip_ids):
                gone = update(ClipRow).where(ClipRow.id.in_(part))
                connection.execute(gone.values(status=ClipStatus.MISSING.value))
                connection.execute(delete(ClipTagRow).where(ClipTagRow.clip_id.in_(part)))
            bump(connection, deleted=False)

    def missing_s(self, library: str) -> float:
        """Seconds of audio of a library's missing clips."""
        statement = select(func.coalesce(func.sum(ClipRow.duration_s), 0.0))
        statement = statement.join(LibraryRow, LibraryRow.id == ClipRow.library_id)
        gone = statement.where(LibraryRow.name == library, ClipRow.status == ClipStatus.MISSING)
        with self._transaction() as connection:
            return float(connection.execute(gone).scalar_one())

    def remove_missing(self, library: str) -> int:
        """Forget a library's missing clips and their segments; how many they were."""
        with self.writing() as connection:
            of_library = select(LibraryRow.id).where(LibraryRow.name == library).scalar_subquery()
            gone = delete(ClipRow).where(
                ClipRow.library_id == of_library, ClipRow.status == ClipStatus.MISSING
            )
            count = connection.execute(gone).rowcount
            bump(connection, deleted=_forget_unused_contents(connection))
        return count

    def content_id(self, audio_sha256: str) -> int | None:
        """The content with these decoded samples, if there is one."""
        with self._looking_up() as lookups:
            return lookups.content_id(audio_sha256)

    def new_clip_id(self, library: str, path: Path) -> str:
        """An id for a clip at a path that is not in the catalogue.

        ``clip_id_of``, unless a clip that has moved away since took its id along.
        """
        turn, clip_id = 0, clip_id_of(library, path)
        with self._looking_up() as lookups:
            while lookups.has_clip(clip_id):
                turn += 1
                clip_id = hashlib.sha256(f"{clip_id_of(library, path)}/{turn}".encode()).hexdigest()[:20]
        return clip_id

    def put(self, entries: Iterable[tuple[Clip, ClipContent | None]]) -> None:
        """Write clips in one transaction, making their libraries where needed.

        With content, a clip gets it; without, it has the content that its ``content_id`` names, or keeps the one
        it has. A failed clip has none. Contents that no clip has any more stay until ``forget_unused``. What a user
        said or deleted meanwhile stands, whatever the clips were when they were read.
        """
        held = list(entries)
        with self.writing() as connection:
            libraries = {clip.library for clip, _ in held}
            library_ids = {library: _library_id(connection, library) for library in libraries}
            own: dict[str, Description] = {}
            for part in _parts([clip.clip_id for clip, _ in held]):
                own |= descriptions.own_descriptions(connection, part)
            deleted = {
                library: _deleted_among(connection, library, [clip.path for clip, _ in held])
                for library in libraries
            }
            for clip, content in held:
                content_id = clip.content_id if content is None else _put_content(connection, content)
                if clip.path not in deleted[clip.library]:
                    shown = replace(clip, own_description=own.get(clip.clip_id, NOTHING))
                    _put_clip(connection, shown, library_ids[clip.library], content_id)
            bump(connection, deleted=False)

    def forget_unused(self) -> None:
        """Delete contents that no clip has, with their segments."""
        with self.writing() as connection:
            if _forget_unused_contents(connection):
                bump(connection, deleted=True)

    def failures(self, library: str) -> list[Failure]:
        """Failed files of a library, grouped by reason, the most frequent first."""
        failed = select(ClipRow.reason_code, func.count().label("files"))
        failed = failed.join(LibraryRow, LibraryRow.id == ClipRow.library_id)
        failed = failed.where(LibraryRow.name == library, ClipRow.status == ClipStatus.FAILED)
        with self._transaction() as connection:
            counts = connection.execute(failed.group_by(ClipRow.reason_code)).all()
            found = [
                Failure(
                    reason_code=row.reason_code or "",
                    count=row.files,
                    examples=_failed_paths(connection, library, row.reason_code),
                )
                for row in counts
            ]
        return sorted(found, key=lambda failure: (-failure.count, failure.reason_code))

    # Runs

    def put_run(self, run: IndexRun) -> None:
        """Keep what a run did; only the last one of each library is kept."""
        with self.writing() as connection:
            library_id = _library_id(connection, run.library)
            connection.execute(delete(RunRow).where(RunRow.library_id == library_id))
            connection.execute(
                insert(RunRow).values(
                    library_id=library_id,
                    started_at=run.started_at,
                    elapsed_s=run.elapsed_s,
                    counts=json.dumps(run.counts),
                    stages_s=json.dumps(run.stages_s),
                )
            )

    def last_run(self, library: str) -> IndexRun | None:
        """What the last run on a library did, if one has ended."""
        statement = select(RunRow.started_at, RunRow.elapsed_s, RunRow.counts, RunRow.stages_s)
        statement = statement.join(LibraryRow, LibraryRow.id == RunRow.library_id)
        with self._transaction() as connection:
            row = connection.execute(statement.where(LibraryRow.name == library)).first()
        if row is None:
            return None
        return IndexRun(
            library=library,
            started_at=row.started_at,
            elapsed_s=row.elapsed_s,
            counts=json.loads(row.counts),
            stages_s=json.loads(row.stages_s),
        )

    # Segments

    def segments_of(self, clip_id: str) -> ClipContent:
        """Spans and vectors of a clip's segments, by start; none for an unknown clip."""
        statement = (
            select(ContentRow.audio_sha256, SegmentRow.start_s, SegmentRow.end_s, SegmentRow.vector)
            .join(ContentRow, ContentRow.id == SegmentRow.content_id)
            .join(ClipRow, ClipRow.content_id == ContentRow.id)
            .where(ClipRow.id == clip_id)
        )
        with self._transaction() as connection:
            rows = connection.execute(statement.order_by(SegmentRow.start_s)).all()
            dim = _state(connection).space.dim
        spans = np.array([(row.start_s, row.end_s) for row in rows], np.float64).reshape(-1, 2)
        return ClipContent(
            audio_sha256=rows[0].audio_sha256 if rows else "",
            spans_s=spans,
            vectors=_matrix([row.vector for row in rows], dim),
        )

    def clips_of(
        self, content_ids: Sequence[int], *, filter: SearchFilter, most_each: int
    ) -> dict[int, list[Clip]]:
        """Searchable clips that have these contents and pass a filter, ``most_each`` of each, by library and path."""
        with self._looking_up() as lookups:
            return by_content(lookups, clip_columns, clip_of, content_ids, filter=filter, most_each=most_each)

    def found_clips_of(
        self, content_ids: Sequence[int], *, filter: SearchFilter, most_each: int
    ) -> dict[int, list[FoundClip]]:
        """As ``clips_of``, what results show of them."""
        with self._looking_up() as lookups:
            return by_content(
                lookups, found_columns, found_clip_of, content_ids, filter=filter, most_each=most_each
            )

    def matching_segment_ids(self, filter: SearchFilter) -> NDArray[np.int64]:
        """Ids of the segments whose content some searchable clip that passes a filter has, ascending.

        Nothing but ids is held. LibraryNotFoundError without the filter's library.
        """
        contents = select(ClipRow.content_id).where(*descriptions.conditions(filter, of_few=False))
        # As text, for one row of a million numbers comes several times sooner than a million rows.
        numbers = select(func.group_concat(SegmentRow.id)).where(SegmentRow.content_id.in_(contents))
        parts = [np.empty(0, np.int64)]
        with self._transaction() as connection:
            if filter.library is not None:
                known_library_id(connection, filter.library)
            last = connection.execute(select(func.max(SegmentRow.id))).scalar() or 0
            for first in range(1, last + 1, _IDS_AT_A_TIME):
                here = SegmentRow.id.between(first, first + _IDS_AT_A_TIME - 1)
                found = connection.execute(numbers.where(here)).scalar()
                if found is not None:
                    parts.append(np.sort(np.fromstring(found, np.int64, sep=",")))
        return np.concatenate(parts)

    def filter_values(self, library: str | None = None, *, most: int = 100) -> FilterValues:
        """Tags, licences and categories of searchable clips, the ``most`` frequent of each; LibraryNotFoundError."""
        with self._transaction() as connection:
            library_id = None if library is None else known_library_id(connection, library)
            return descriptions.filter_values(connection, library_id=library_id, most=most)

    def changes_since(self, *, last_id: int, deletions: int) -> "Changes":
        """All that a vector index lacks, as of one moment; ``deletions`` as of the state that it was made in."""
        with self._transaction() as connection:
            state = _state(connection)
            all_ids = None
            if state.deletions != deletions:
                all_ids = _ids(connection, select(SegmentRow.id).order_by(SegmentRow.id))
            return Changes(
                state=state,
                all_ids=all_ids,
                hidden_ids=_hidden_ids(connection),
                new=list(_vectors_above(connection, last_id, state.space.dim)),
            )

    def segment_count(self, *, above: int = 0) -> int:
        """How many segments have an id above that."""
        with self._transaction() as connection:
            statement = select(func.count()).select_from(SegmentRow).where(SegmentRow.id > above)
            return connection.execute(statement).scalar_one()

    def vectors_of(self, segment_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Vectors by segment id; ids that are gone are left out."""
        statement = select(SegmentRow.id, SegmentRow.vector)
        with self._transaction() as connection:
            return {
                row.id: _matrix([row.vector], _state(connection).space.dim)[0]
                for part in _parts(segment_ids)
                for row in connection.execute(statement.where(SegmentRow.id.in_(part)))
            }

    def vectors_above(self, last_id: int) -> Iterator[SegmentVectors]:
        """Segments with an id above ``last_id``, by id, a portion at a time: a large catalogue never fits memory."""
        with self._transaction() as connection:
            yield from _vectors_above(connection, last_id, _state(connection).space.dim)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction for questions that only one caller has; failures are StoreErrors as everywhere."""
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, after those that other processes have begun; StoreBusyError if one lasts long."""
        with self._transaction(self._writing_engine) as connection:
            yield connection

    def bring_up_to_date(self) -> None:
        """Add what an older Sonoglot did not know of; StoreError if that is needed and cannot be written."""
        with self._transaction() as connection:
            if not lacks_anything(connection):
                return
        try:
            with self.writing() as connection:
                add_what_is_lacking(connection)
        except StoreError as error:
            raise StoreError(
                f"The catalogue {str(self._path)!r} was made by an older Sonoglot and has to be added to, which "
                "failed: run `sonoglot status` once as a user who may write to the store."
            ) from error

    @contextmanager
    def _transaction(self, engine: Engine | None = None) -> Iterator[Connection]:
        try:
            with (engine or self._engine).begin() as connection:
                yield connection
        except DatabaseError as error:
            raise self._unusable(error.orig) from error
        except SQLAlchemyError as error:
            raise StoreError(f"The catalogue {str(self._path)!r} cannot be used: {error}.") from error

    @contextmanager
    def _looking_up(self) -> Iterator[Lookups]:
        try:
            with self._opening:
                if self._lookups is None:
                    self._lookups = Lookups(lambda: _connect(self._path))
            yield self._lookups
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, cause: BaseException | None) -> StoreError:
        told = str(cause)
        if "locked" in told:
            return StoreBusyError(
                f"Another process has been writing to {str(self._path)!r} for long; try again in a while."
            )
        if "not a database" in told or "malformed" in told or "no such" in told:
            hint = "it is damaged; move it away and index again"
        else:
            hint = "check free space and permissions of the store"
        return StoreError(f"The catalogue {str(self._path)!r} cannot be used ({told}): {hint}.")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: a commit survives a power cut too, so an index file is never ahead of the catalogue.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _state(connection: Connection) -> CatalogState:
    return _checked_state(connection.execute(_STATE).first())


def _checked_state(row: Sequence[Any] | None) -> CatalogState:
    if row is None:
        raise StoreError("The catalogue holds no state; it is damaged: move it away and index again.")
    format_version, generation, deletions, name, fingerprint, dim = row
    if format_version != FORMAT_VERSION:
        raise StoreError(
            f"The store has format {format_version}, and this Sonoglot reads format {FORMAT_VERSION}: "
            "use the Sonoglot that made it, or index again into another store."
        )
    return CatalogState(generation, deletions, EmbeddingSpace(name=name, fingerprint=fingerprint, dim=dim))


def _space_columns(space: EmbeddingSpace) -> dict[str, str | int]:
    return {"space_name": space.name, "space_fingerprint": space.fingerprint, "space_dim": space.dim}


def bump(connection: Connection, *, deleted: bool) -> None:
    """Tell readers that something changed that a search may return; ``deleted``: that segments went."""
    generation = StateRow.generation + 1
    values: dict[str, Any] = {"generation": generation}
    if deleted:
        values["deletions"] = generation
    connection.execute(update(StateRow).values(**values))


# What is run for every file is put together once: that costs more than running it.
_STATE = select(*STATE_COLUMNS)
_CLIPS_OF_FILE = (
    clip_columns()
    .where(ClipRow.sha256 == bindparam("sha256"), ClipRow.content_id.is_not(None))
    .order_by(LibraryRow.name, ClipRow.path)
)
_CLIPS, _CONTENTS, _SEGMENTS = (Base.metadata.tables[name] for name in ("clips", "contents", "segments"))
_NEW_CONTENT = insert(_CONTENTS).returning(_CONTENTS.c.id)
_UPDATE_CLIP = update(_CLIPS).where(_CLIPS.c.id == bindparam("clip_id"))


def known_library_id(connection: Connection, name: str) -> int:
    """A library's number; LibraryNotFoundError names those there are."""
    known = {row.name: row.id for row in connection.execute(select(LibraryRow.name, LibraryRow.id))}
    if name not in known:
        raise _no_library(name, sorted(known))
    return known[name]


def _no_library(name: str, names: Sequence[str]) -> LibraryNotFoundError:
    known = ", ".join(map(repr, names)) or "none yet"
    return LibraryNotFoundError(f"There is no library {name!r} in this store. Libraries: {known}.")


def _deleted_among(connection: Connection, library: str, paths: Sequence[Path]) -> set[Path]:
    found: set[Path] = set()
    of_library = select(DeletedClipRow.path).join(LibraryRow, LibraryRow.id == DeletedClipRow.library_id)
    of_library = of_library.where(LibraryRow.name == library)
    if connection.execute(of_library.limit(1)).first() is None:
        return found  # as in most libraries
    for part in _parts([path_to_bytes(path) for path in paths]):
        rows = connection.execute(of_library.where(DeletedClipRow.path.in_(part)))
        found |= {path_from_bytes(row.path) for row in rows}
    return found


def _library_id(connection: Connection, name: str) -> int:
    library_id = connection.execute(select(LibraryRow.id).where(LibraryRow.name == name)).scalar()
    if library_id is None:
        made = insert(LibraryRow).values(name=name).returning(LibraryRow.id)
        library_id = connection.execute(made).scalar_one()
    return library_id


def _put_clip(connection: Connection, clip: Clip, library_id: int, content_id: int | None) -> None:
    values = {
        "library_id": library_id,
        "path": path_to_bytes(clip.path),
        "size_bytes": clip.size_bytes,
        "mtime_ns": clip.mtime_ns,
        "sha256": clip.sha256,
        "duration_s": clip.duration_s,
        "source_rate_hz": clip.source_rate_hz,
        "status": clip.status.value,
        "reason_code": clip.reason_code,
        "reason": clip.reason,
        **descriptions.columns_of(clip),
    }
    if content_id is not None or clip.status is ClipStatus.FAILED:
        values["content_id"] = None if clip.status is ClipStatus.FAILED else content_id
    known = connection.execute(_UPDATE_CLIP, {"clip_id": clip.clip_id, **values})
    is_new = known.rowcount == 0
    if is_new:
        connection.execute(insert(_CLIPS), {"id": clip.clip_id, **values})
    descriptions.put_tags(connection, clip, library_id=library_id, is_new=is_new)


def _failed_paths(connection: Connection, library: str, reason_code: str | None) -> tuple[Path, ...]:
    same = select(ClipRow.path).join(LibraryRow, LibraryRow.id == ClipRow.library_id)
    same = same.where(LibraryRow.name == library, ClipRow.status == ClipStatus.FAILED)
    same = same.where(ClipRow.reason_code.is_not_distinct_from(reason_code))
    names = connection.execute(same.order_by(ClipRow.path).limit(_EXAMPLES)).scalars()
    return tuple(path_from_bytes(name) for name in names)


def _content_id(connection: Connection, audio_sha256: str) -> int | None:
    return connection.execute(CONTENT_OF_AUDIO, {"audio_sha256": audio_sha256}).scalar()


def _put_content(connection: Connection, content: ClipContent) -> int:
    held = _content_id(connection, content.audio_sha256)
    if held is not None:
        return held
    content_id = connection.execute(_NEW_CONTENT, {"audio_sha256": content.audio_sha256}).scalar_one()
    connection.execute(insert(_SEGMENTS), _segment_rows(content_id, content))
    return content_id


def _forget_unused_contents(connection: Connection) -> bool:
    """Delete contents that no clip has, with their segments; whether there were any."""
    used = select(ClipRow.id).where(ClipRow.content_id == ContentRow.id).exists()
    return connection.execute(delete(ContentRow).where(~used)).rowcount > 0


def _segment_rows(content_id: int, content: ClipContent) -> list[dict[str, Any]]:
    return [
        {"content_id": content_id, "start_s": float(start), "end_s": float(end), "vector": vector.tobytes()}
        for (start, end), vector in zip(content.spans_s, content.vectors.astype("<f4"), strict=True)
    ]


def _vectors_above(connection: Connection, last_id: int, dim: int) -> Iterator[SegmentVectors]:
    columns = select(
        SegmentRow.id, SegmentRow.content_id, SegmentRow.start_s, SegmentRow.end_s, SegmentRow.vector
    )
    statement = columns.order_by(SegmentRow.id).limit(_ROWS_AT_A_TIME)
    while rows := connection.execute(statement.where(SegmentRow.id > last_id)).all():
        ids = np.array([row.id for row in rows], np.int64)
        content_ids = np.array([row.content_id for row in rows], np.int64)
        spans_s = np.array([(row.start_s, row.end_s) for row in rows], np.float64)
        yield SegmentVectors(ids, content_ids, spans_s, _matrix([row.vector for row in rows], dim))
        last_id = int(ids[-1])


def _hidden_ids(connection: Connection) -> NDArray[np.int64]:
    # Written out, not bound: SQLite takes the index of missing clips only when it sees that the words are the same.
    missing = select(ClipRow.content_id).where(text("clips.status = 'missing'"))
    indexed = select(ClipRow.id).where(
        ClipRow.content_id == SegmentRow.content_id, ClipRow.status == ClipStatus.INDEXED
    )
    statement = select(SegmentRow.id).where(SegmentRow.content_id.in_(missing), ~indexed.exists())
    return _ids(connection, statement.order_by(SegmentRow.id))


def _matrix(vectors: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    if any(len(vector) != 4 * dim for vector in vectors):
        raise StoreError(
            f"The catalogue holds a vector that is not of {dim} dimensions; it is damaged: `sonoglot verify` says more."
        )
    return np.frombuffer(b"".join(vectors), "<f4").reshape(-1, dim).astype(np.float32, copy=False)


def _ids(connection: Connection, statement: Select[Any]) -> NDArray[np.int64]:
    return np.fromiter(connection.execute(statement).scalars(), np.int64)


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    # SQLite takes a limited number of values in one statement.
    for start in range(0, len(items), _ROWS_AT_A_TIME):
        yield items[start : start + _ROWS_AT_A_TIME]
