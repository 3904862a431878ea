"""What is asked for every search waits for nobody."""

import sqlite3
import threading
from pathlib import Path

from sqlalchemy import select

from indexer.catalog import Catalog
from indexer.catalog_lookups import Lookups, Statement
from indexer.catalog_schema import StateRow
from model.space import EmbeddingSpace

SPACE = EmbeddingSpace(name="toy", fingerprint="f" * 64, dim=4)
DEADLINE_S = 10.0


def test_the_state_is_told_while_rows_are_read(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "catalog.sqlite", SPACE).close()
    connections: list[sqlite3.Connection] = []
    reading, may_go_on = threading.Event(), threading.Event()
    went_on_in_time: list[bool] = []

    def connect() -> sqlite3.Connection:
        connections.append(
            sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None, check_same_thread=False)
        )
        return connections[-1]

    def hold_up() -> int:
        if not reading.is_set():
            reading.set()
            went_on_in_time.append(may_go_on.wait(DEADLINE_S))
        return 0

    lookups = Lookups(connect)
    for connection in connections:
        connection.set_progress_handler(hold_up, 1)
    reader = threading.Thread(target=lookups.rows, args=(Statement(select(StateRow.generation)), {}))
    reader.start()
    assert reading.wait(DEADLINE_S)
    state = lookups.state()
    may_go_on.set()
    reader.join()
    lookups.close()
    assert state is not None
    assert state[3:] == (SPACE.name, SPACE.fingerprint, SPACE.dim)
    assert went_on_in_time == [True]
