"""How workers know of each other whether they live: each holds a lock on a file in the store, which ends with it.

So a dead worker's job is taken up at once, and not after its lease. Processes are not asked by their ids, which are
used again, and mean nothing in another container.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock


@contextmanager
def worker_lock(store_dir: Path) -> Iterator[str]:
    """A new name for a worker that uses this store, known to live until the end of the block."""
    worker = secrets.token_hex(8)
    path = _path(store_dir, worker)
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path):
        yield worker
    path.unlink(missing_ok=True)


def is_dead(store_dir: Path, worker: str) -> bool:
    """Whether a worker is known to have ended. False if it cannot be told."""
    path = _path(store_dir, worker)
    if not path.exists():
        return False  # It has gone in order, and handed its job back; or its store is not this one.
    try:
        with filelock.FileLock(path, timeout=0):
            pass
    except (filelock.Timeout, OSError):
        return False
    path.unlink(missing_ok=True)
    return True


def _path(store_dir: Path, worker: str) -> Path:
    return store_dir / "workers" / f"{worker}.lock"
