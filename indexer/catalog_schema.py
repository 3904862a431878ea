"""The catalogue's tables. Used by ``catalog`` alone; everything outside sees plain records instead of
rows."""

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
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
        Index("clips_by_duration", "duration_s", "status", "content_id"),
        Index("clips_by_licence", "licence_key", "status", "content_id"),
        Index("clips_by_category", "category_key", "status", "content_id"),
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
    file_description: Mapped[str | None]
    """JSON, where it differs from what the columns and tags say."""


class ClipTagRow(Base):
    """A tag of a clip: ``tag`` is what it is found by, without case, ``shown`` as its source has it."""

    __tablename__ = "clip_tags"
    __table_args__ = (Index("clip_tags_by_tag", "tag", "clip_id"), {"sqlite_with_rowid": False})
    clip_id: Mapped[str] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    shown: Mapped[str]


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
