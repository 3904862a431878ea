"""The catalogue's questions that are asked for every file, or for every search.

SQLAlchemy takes half a millisecond to begin, run and end a transaction, SQLite some microseconds to answer. So what is
asked this often is put into SQL once, from the same tables, and goes straight to connections of their own.
"""

import sqlite3
import threading
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import Select
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import SelectBase

from indexer.catalog_schema import ClipRow, ContentRow, StateRow


def _compiled(statement: SelectBase) -> SQLCompiler:
    return cast(SQLCompiler, statement.compile(dialect=sqlite.dialect(paramstyle="qmark")))


def ids_of(name: str) -> Select[Any]:
    """For ``column.in_``: the ids that ``Statement.rows`` is given by this name, however many."""
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


class Statement:
    """A statement that was put into SQL once; what it says of values beside ids stays as it was."""

    def __init__(self, statement: SelectBase) -> None:
        compiled = _compiled(statement)
        self.sql = str(compiled)
        self._names: Sequence[str] = compiled.positiontup or ()
        self._values = dict(compiled.params)
        row: Any = namedtuple("Row", statement.selected_columns.keys())
        self.row: Callable[[Any], Any] = row._make

    def values(self, given: dict[str, int | Sequence[int]]) -> list[Any]:
        """Values in the order of their places; ids as JSON."""
        held = self._values | {
            name: value if isinstance(value, int) else f"[{','.join(map(str, value))}]"
            for name, value in given.items()
        }
        return [held[name] for name in self._names]


STATE_COLUMNS = (
    StateRow.format_version,
    StateRow.generation,
    StateRow.deletions,
    StateRow.space_name,
    StateRow.space_fingerprint,
    StateRow.space_dim,
)
CONTENT_OF_AUDIO = select(ContentRow.id).where(ContentRow.audio_sha256 == bindparam("audio_sha256"))
_STATE = str(_compiled(select(*STATE_COLUMNS)))
_HAS_CLIP = str(_compiled(select(ClipRow.id).where(ClipRow.id == bindparam("clip_id"))))
_HAS_FILE = str(
    _compiled(
        select(ClipRow.id).where(ClipRow.sha256 == bindparam("sha256"), ClipRow.content_id.is_not(None))
    )
)
_CONTENT = str(_compiled(CONTENT_OF_AUDIO))


class Lookups:
    """Sees what was committed when it is asked. Safe to use from several threads; failures are sqlite3's own.

    The state has a connection of its own: the server's event loop asks for it, and waits for no rows that others read.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connection = connect()
        self._lock = threading.Lock()
        self._state_connection = connect()
        self._state_lock = threading.Lock()

    def state(self) -> tuple[int, int, int, str, str, int] | None:
        """Format version, generation, deletions, and the space's name, fingerprint and dimension."""
        with self._state_lock:
            return self._state_connection.execute(_STATE).fetchone()

    def has_clip(self, clip_id: str) -> bool:
        """Whether there is a clip of this id."""
        return self._first(_HAS_CLIP, clip_id) is not None

    def has_file(self, sha256: str) -> bool:
        """Whether some clip with segments had a file with this SHA-256."""
        return self._first(_HAS_FILE, sha256) is not None

    def content_id(self, audio_sha256: str) -> int | None:
        """The content with these decoded samples, if there is one."""
        found = self._first(_CONTENT, audio_sha256)
        return None if found is None else found[0]

    def rows(self, statement: Statement, given: dict[str, int | Sequence[int]]) -> list[Any]:
        """All rows of a statement, with columns as attributes."""
        values = statement.values(given)
        with self._lock:
            found = self._connection.execute(statement.sql, values).fetchall()
        return list(map(statement.row, found))

    def close(self) -> None:
        """Close the connections."""
        with self._lock, self._state_lock:
            self._connection.close()
            self._state_connection.close()

    def _first(self, statement: str, value: str) -> Any:
        with self._lock:
            return self._connection.execute(statement, (value,)).fetchone()
