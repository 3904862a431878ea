"""The service's own tables: keys and jobs. Beside the catalogue, for a store outlives the servers that serve it.

SQLite in the store's folder by default; any other database that SQLAlchemy knows (PostgreSQL) by its URL, which several
servers and workers then share.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Index, create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from indexer.sqlite_transactions import begin_at_once, for_writing
from service.errors import DatabaseUnavailableError

_BUSY_TIMEOUT_MS = 10_000
_MAKING_TABLES = 0x736F6E6F
"""The number of PostgreSQL's advisory lock under which tables are made, by one of those that start together."""


class Base(DeclarativeBase):
    """Base of the service's tables."""


class KeyRow(Base):
    """A key: what it may do, and the hash of its secret. A revoked key stays, so that its use can be told."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    scope: Mapped[str]
    secret_sha256: Mapped[str]
    requests_per_minute: Mapped[int]
    created_at: Mapped[str]
    """UTC, ISO 8601."""
    revoked_at: Mapped[str | None]


class JobRow(Base):
    """A job: what is to be indexed, how far that is, and who works on it. Times are UTC, ISO 8601."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(primary_key=True)
    library: Mapped[str]
    source: Mapped[dict[str, Any]] = mapped_column(JSON)
    retry_failed: Mapped[bool]
    state: Mapped[str]
    created_at: Mapped[str]
    queued_at: Mapped[str]
    """When it was last put at the end of the queue."""
    started_at: Mapped[str | None]
    ended_at: Mapped[str | None]
    attempt: Mapped[int]
    """How often it was started."""
    deaths: Mapped[int]
    """How many workers died of it, or beside it, since it was last put at the end of the queue."""
    progress: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None]
    worker: Mapped[str | None]
    """Who works on it."""
    lease_until_s: Mapped[float | None]
    """Until when its worker need not be heard of; seconds since 1970."""
    cancel_asked: Mapped[bool]

    # A store has one writer, so one job runs at a time, whatever workers do at the same moment.
    __table_args__ = (
        Index(
            "one_running_job",
            "state",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        Index("jobs_by_state", "state", "queued_at"),
    )


class Database:
    """Transactions on the service's tables. Safe to use from several threads.

    Tables, and SQLite's file, are made when they are first written to, so that looking into a store changes nothing.
    """

    def __init__(self, url: str) -> None:
        self._reading_engine = _engine(url)
        self._engine = for_writing(self._reading_engine)
        self._making = threading.Lock()
        self._is_made = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit at the end, or roll back on an error. Raises DatabaseUnavailableError."""
        with self._begun(self._engine) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The same for what only reads, and so waits for no writer: every request does. DatabaseUnavailableError."""
        with self._begun(self._reading_engine) as connection:
            yield connection

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        try:
            with self._making:
                if not self._is_made:
                    self._make()
            with engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise DatabaseUnavailableError(
                "The database of keys and jobs cannot be used; the server's log says why."
            ) from error

    def holds_anything(self) -> bool:
        """Whether there can be anything in it: False while SQLite's file was never made."""
        file = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        return file is None or os.path.exists(file)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _make(self) -> None:
        if self._engine.dialect.name == "sqlite" and self._engine.url.database:
            Path(self._engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MAKING_TABLES})"))
            Base.metadata.create_all(connection)
        self._is_made = True


def open_database(store_dir: Path, url: str | None) -> Database:
    """The tables of a store: in SQLite beside its catalogue, unless another database is given, which then belongs to
    this store alone. Raises DatabaseUnavailableError for a URL that names no database, or one without its driver."""
    try:
        return Database(url or f"sqlite:///{store_dir / 'service.sqlite'}")
    except ArgumentError as error:  # Its message may hold the URL, and that a password.
        raise DatabaseUnavailableError(
            "The URL of the database cannot be read; give it as postgresql+psycopg://USER:PASSWORD@HOST/NAME."
        ) from error
    except ImportError as error:
        raise DatabaseUnavailableError(
            f"The driver of the database is not installed ({error.name}); for PostgreSQL: "
            "pip install 'sonoglot[postgres]'."
        ) from error


def _engine(url: str) -> Engine:
    # A database server may be started again while ours run.
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        begin_at_once(engine)
    return engine


def _set_up_sqlite(connection: object, _: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]
    for pragma in (f"busy_timeout = {_BUSY_TIMEOUT_MS}", "journal_mode = WAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]
