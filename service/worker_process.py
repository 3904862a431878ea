"""A worker as a child of the server: started with it, started again when it dies, stopped with it.

A process of its own, so that indexing neither slows the server's interpreter down nor takes it along when it crashes.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

_STOP_S = 30.0
_LOOK_S = 0.5
_SOON_S = 30.0
"""Longer than a model takes to load, of which a worker may die again and again."""
_LONGEST_PAUSE_S = 30.0


@contextmanager
def worker_process(
    *, store_dir: Path, model_dir: Path | None, database_url: str | None, log_json: bool
) -> Iterator[None]:
    """Keep a worker running during the block, which logs as the server beside it does."""
    # -P: a folder named like a package of ours, where the server was started, is not that package.
    command = [sys.executable, "-P", "-m", "sonoglot", "worker", "--with-parent", "--store", str(store_dir)]
    if model_dir is not None:
        command += ["--model", str(model_dir)]
    if log_json:
        command.append("--log-json")
    environment = dict(os.environ)
    if database_url is not None:
        environment["SONOGLOT_DATABASE"] = (
            database_url  # It may hold a password, and arguments are seen by all.
        )
    keeper = _Keeper(command, environment)
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()


class _Keeper:
    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command, self._environment = command, environment
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _keep(self) -> None:
        pause_s = 0.0
        while not self._is_over.wait(pause_s):
            started = time.monotonic()
            process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.DEVNULL)
            while process.poll() is None and not self._is_over.wait(_LOOK_S):
                pass
            if self._is_over.is_set():
                _end(process)
                return
            logger.warning("the worker has ended (%d); starting another", process.returncode)
            # What ends as soon as it starts is not started again and again without pause.
            lasted = time.monotonic() - started >= _SOON_S
            pause_s = 0.0 if lasted else min(_LONGEST_PAUSE_S, 2 * pause_s + 1)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:  # Nothing is lost: the next worker takes its job up.
        process.kill()
        process.wait()
