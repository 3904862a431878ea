"""The catalogue's tables. Used by ``catalog`` alone; everything outside sees plain records instead of
rows."""

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of all tables."""


class StateRow(Base):
    """The single row of facts about the whole store."""

    __tablename__ = "state"
    id: Mapped[int] = mapped_column(primary_key=True)
    format_version: Mapped[int]
    generation: Mapped[int]
    """Grows with every transaction that changes what a search may return."""
    deletions: Mapped[int]
    """The generation in which segments were last taken away: tells a reader that adding new ones is not
    enough."""
    space_name: Mapped[str]
    space_fingerprint: Mapped[str]
    space_dim: Mapped[int]


class LibraryRow(Base):
    """A named set of audio."""

    __tablename__ = "libraries"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class ContentRow(Base):
    """What a clip sounds like; clips with the same audio share one, so it is embedded once."""

    __tablename__ = "contents"
    id: Mapped[int] = mapped_column(primary_key=True)
    audio_sha256: Mapped[str] = mapped_column(unique=True)
    """Of the decoded samples at the model's rate: two formats of the same samples are the same audio."""


class ClipRow(Base):
    """One audio file in one library; ``path`` holds the exact bytes of its name."""

    __tablename__ = "clips"
    __table_args__ = (
        UniqueConstraint("library_id", "path"),  # also what a folder is looked up by
        # Each holds all that a filter by it needs: rows, which are long, are not read.
        Index("clips_by_library", "library_id", "status", "content_id"),
        Index("clips_by_duration", "duration_s", "status", "library_id", "content_id"),
        Index("clips_by_licence", "licence_key", "status", "library_id", "content_id"),
        Index("clips_by_category", "category_key", "status", "library_id", "content_id"),
        # Missing clips are few, and asked for whenever something changed.
        Index("missing_clips", "content_id", sqlite_where=text("status = 'missing'")),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("libraries.id", ondelete="CASCADE"))
    path: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int]
    mtime_ns: Mapped[int]
    sha256: Mapped[str] = mapped_column(index=True)
    content_id: Mapped[int | None] = mapped_column(ForeignKey("contents.id"), index=True)
    duration_s: Mapped[float]
    source_rate_hz: Mapped[int]
    status: Mapped[str]
    reason_code: Mapped[str | None]
    reason: Mapped[str | None]
    title: Mapped[str | None]
    description: Mapped[str | None]
    artist: Mapped[str | None]
    licence: Mapped[str | None]
    licence_key: Mapped[str | None]
    category: Mapped[str | None]
    category_key: Mapped[str | None]
    tags: Mapped[str | None]
    """JSON."""
    file_description: Mapped[str | None]
    """JSON, where it differs from what was found."""
    own_description: Mapped[str | None]
    """JSON, what a user said; the columns above have it over what was found."""
    found_description: Mapped[str | None]
    """JSON, where a user said something: what the columns would hold without it."""


class DeletedClipRow(Base):
    """A path whose clip a user deleted: no run takes it in again."""

    __tablename__ = "deleted_clips"
    __table_args__ = ({"sqlite_with_rowid": False},)
    library_id: Mapped[int] = mapped_column(ForeignKey("libraries.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class ClipTagRow(Base):
    """A tag of a clip that a search may return: what filters by tag go by.

    ``tag`` is without case, ``shown`` as its source has it; ``library_id`` is the clip's, for counting.
    """

    __tablename__ = "clip_tags"
    __table_args__ = (Index("clip_tags_by_tag", "tag", "library_id"), {"sqlite_with_rowid": False})
    clip_id: Mapped[str] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    shown: Mapped[str]
    library_id: Mapped[int]


class SegmentRow(Base):
    """A window of a content and its vector (float32, little-endian). Ids are never used twice."""

    __tablename__ = "segments"
    __table_args__ = (Index("segments_by_content", "content_id"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("contents.id", ondelete="CASCADE"))
    start_s: Mapped[float]
    end_s: Mapped[float]
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class RunRow(Base):
    """One run of indexing: when, and what it did (JSON)."""

    __tablename__ = "runs"
    id: Mapped[int] = mapped_column(primary_key=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("libraries.id", ondelete="CASCADE"), index=True)
    started_at: Mapped[str]
    """UTC, ISO 8601."""
    elapsed_s: Mapped[float]
    counts: Mapped[str]
    stages_s: Mapped[str]


_ADDED_COLUMNS = ("own_description", "found_description")
"""Of clips; a catalogue of this format that was made before there were any lacks them."""


def lacks_anything(connection: Connection) -> bool:
    """Whether a catalogue of this format was made before some columns or tables were added."""
    schema = inspect(connection)
    held = {column["name"] for column in schema.get_columns(ClipRow.__tablename__)}
    return not held.issuperset(_ADDED_COLUMNS) or not schema.has_table(DeletedClipRow.__tablename__)


def add_what_is_lacking(connection: Connection) -> None:
    """Bring such a catalogue up to date. What is added starts empty, so no row is rewritten."""
    held = {column["name"] for column in inspect(connection).get_columns(ClipRow.__tablename__)}
    for name in _ADDED_COLUMNS:
        if name not in held:
            connection.execute(text(f"ALTER TABLE {ClipRow.__tablename__} ADD COLUMN {name} VARCHAR"))
    Base.metadata.create_all(connection)
