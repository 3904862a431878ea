"""The catalogue's tables. Used by ``catalog`` alone; everything outside sees plain records instead of
rows."""

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
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


class ClipRow(Base):
    """One audio file in one library; ``path`` holds the exact bytes of its name."""

    __tablename__ = "clips"
    __table_args__ = (UniqueConstraint("library_id", "path"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("libraries.id", ondelete="CASCADE"), index=True)
    path: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int]
    mtime_ns: Mapped[int]
    sha256: Mapped[str]
    duration_s: Mapped[float]
    source_rate_hz: Mapped[int]
    status: Mapped[str]
    reason_code: Mapped[str | None]
    reason: Mapped[str | None]


class SegmentRow(Base):
    """A window of a clip and its vector (float32, little-endian). Ids are never used twice."""

    __tablename__ = "segments"
    __table_args__ = (Index("segments_by_clip", "clip_id"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True)
    clip_id: Mapped[str] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    start_s: Mapped[float]
    end_s: Mapped[float]
    vector: Mapped[bytes] = mapped_column(LargeBinary)
