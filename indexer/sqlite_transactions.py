"""How transactions on SQLite begin: all at once, and those that write as writers.

Python's driver would begin them late, and never for reading. One that begins as a writer is let wait while another
writes; one that began with reading would be refused at once, for what it has read may be old by then.
"""

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

_OPTION = "sonoglot_begin"


def begin_at_once(engine: Engine) -> None:
    """Begin every transaction of an engine when it is asked for, as one that reads."""
    event.listen(engine, "begin", _begin)


def for_writing(engine: Engine) -> Engine:
    """The same engine, whose transactions begin as writers."""
    return engine.execution_options(**{_OPTION: "BEGIN IMMEDIATE"})


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_OPTION, "BEGIN"))
