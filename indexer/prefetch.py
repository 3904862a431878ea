"""Decodes ahead: clips are read by processes of their own while the model embeds earlier ones.

Clips come out in the order they went in, whatever process is faster, so that runs are alike. Memory is bounded: a
process that is far ahead waits. One that crashes or hangs is replaced, and its file reported.
"""

import queue
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

from indexer.decoding_process import receive, send
from indexer.errors import DecodeError, DecodeReason
from indexer.reading import ClipRead, FileFacts, ReadJob, WindowPlan, Windows

_CLIPS_AHEAD = 16
_PARTS_AHEAD = 4
STALL_S = 120.0
"""A decoder that gives nothing for so long hangs. Not of a whole file: a long one gives parts all the time."""

_PIPE_BYTES = 1 << 20  # what Linux lets everybody have

_Item = Windows | ClipRead | BaseException


def read_ahead(
    jobs: Iterable[ReadJob], plan: WindowPlan, *, processes: int, is_known: Callable[[FileFacts], bool]
) -> Generator[Windows | ClipRead, None, None]:
    """Yield, for each job in order, parts of it if it is long and then its ClipRead.

    ``is_known`` is called from several threads. Closing the iterator stops the processes.
    """
    stop = threading.Event()
    workers: list[_Worker] = []
    mine = threading.local()

    def run(job: ReadJob, items: "queue.Queue[_Item]") -> None:
        try:
            if not hasattr(mine, "worker"):
                mine.worker = _Worker(plan)
                workers.append(mine.worker)
            for item in mine.worker.read(job, is_known):
                if not _put(items, item, stop):
                    return
        except BaseException as error:  # Not bad input, but a defect: raise it where it is seen.
            _put(items, error, stop)

    with ThreadPoolExecutor(max_workers=processes, thread_name_prefix="decode") as pool:
        try:
            pending: list[queue.Queue[_Item]] = []
            waiting = iter(jobs)
            while True:
                while len(pending) < _CLIPS_AHEAD and (job := next(waiting, None)) is not None:
                    items: queue.Queue[_Item] = queue.Queue(maxsize=_PARTS_AHEAD)
                    pending.append(items)
                    pool.submit(run, job, items)
                if not pending:
                    return
                yield from _until_read(pending.pop(0))
        finally:
            stop.set()
            for worker in workers:
                worker.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            for worker in workers:
                worker.close()


class _Worker:
    """One decoding process, started when it is first needed and again after it died."""

    def __init__(self, plan: WindowPlan) -> None:
        self._plan = plan
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def read(self, job: ReadJob, is_known: Callable[[FileFacts], bool]) -> Iterator[Windows | ClipRead]:
        """Yield what the process reads; if it dies over the file, a ClipRead that says so."""
        try:
            process = self._started()
            assert process.stdin is not None
            send(process.stdin, job)
            while True:
                item = self._next(process)
                if isinstance(item, FileFacts):
                    send(process.stdin, is_known(item))
                    continue
                yield item
                if isinstance(item, ClipRead):
                    return
        except TimeoutError:
            reason = DecodeReason.DECODER_HUNG
            told = f"Decoding {str(job.path)!r} gave nothing for {STALL_S:g} s and was stopped."
        except (EOFError, OSError):
            reason = DecodeReason.DECODER_CRASHED
            told = f"The decoder crashed over {str(job.path)!r}."
        self.close()
        yield ClipRead(job=job, facts=None, error=DecodeError(reason, told))

    def stop(self) -> None:
        """End the process for good; a thread that waits for it sees its end."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Free what ``stop`` left, when no thread waits for the process any more."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._stopped:
            raise EOFError
        if self._process is None:
            command = [sys.executable, "-m", "indexer.decoding_process"]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # FFmpeg's own remarks; what matters comes as a reason
                bufsize=0,
                cwd=Path(__file__).parents[1],
                start_new_session=True,  # Ctrl-C is for the one who indexes; the pipe's end stops this one
            )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            _widen(self._process.stdout)
            send(self._process.stdin, self._plan)
        return self._process

    def _next(self, process: "subprocess.Popen[bytes]") -> Windows | ClipRead | FileFacts:
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], STALL_S)[0]:
            raise TimeoutError
        return receive(process.stdout)


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold whole windows, so that neither end wakes the other for every 64 KiB. Linux alone can."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _until_read(items: "queue.Queue[_Item]") -> Iterator[Windows | ClipRead]:
    while True:
        item = items.get()
        if isinstance(item, BaseException):
            raise item
        yield item
        if isinstance(item, ClipRead):
            return


def _put(items: "queue.Queue[_Item]", item: _Item, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            items.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
