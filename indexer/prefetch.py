"""Decodes ahead: clips are read, checked and cut by background threads while the model embeds earlier ones.

Clips come out in the order they went in, whatever thread is faster, so that batches (and with them every bit
of every vector) depend on the files alone. Memory is bounded: a thread that is far ahead waits.
"""

import hashlib
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from indexer.audio import open_audio
from indexer.errors import DecodeError, DecodeReason, UnreadableFileError
from indexer.windows import Window, cut_windows

_WINDOWS_AHEAD = 64
_CLIPS_AHEAD = 16


@dataclass(frozen=True, kw_only=True)
class ReadJob:
    """A file to read; if its content still has ``known_sha256``, it is not decoded."""

    path: Path
    known_sha256: str | None


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """How clips become windows: rate of the model, window and hop in samples."""

    sample_rate_hz: int
    window: int
    hop: int


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What identifies a file's content."""

    size_bytes: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ClipRead:
    """The end of a clip: all windows before it belong to it.

    ``facts`` is None if the file could not be read at all. ``error`` tells that the clip must not be used,
    and ``unchanged`` that its content is the known one and was not decoded.
    """

    job: ReadJob
    facts: FileFacts | None
    duration_s: float = 0.0
    source_rate_hz: int = 0
    unchanged: bool = False
    error: DecodeError | None = None


_Item = Window | ClipRead | BaseException


def read_ahead(jobs: Sequence[ReadJob], plan: WindowPlan, *, threads: int) -> Iterator[Window | ClipRead]:
    """Yield, for each job in order, its windows and then its ClipRead. Closing the iterator stops the
    threads."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="decode") as pool:
        try:
            pending: list[tuple[queue.Queue[_Item], Future[None]]] = []
            waiting = iter(jobs)
            while True:
                while len(pending) < _CLIPS_AHEAD and (job := next(waiting, None)) is not None:
                    items: queue.Queue[_Item] = queue.Queue(maxsize=_WINDOWS_AHEAD)
                    pending.append((items, pool.submit(_run, job, plan, items, stop)))
                if not pending:
                    return
                items, _ = pending.pop(0)
                yield from _until_read(items)
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _until_read(items: "queue.Queue[_Item]") -> Iterator[Window | ClipRead]:
    while True:
        item = items.get()
        if isinstance(item, BaseException):
            raise item
        yield item
        if isinstance(item, ClipRead):
            return


def _run(job: ReadJob, plan: WindowPlan, items: "queue.Queue[_Item]", stop: threading.Event) -> None:
    try:
        for item in _read(job, plan):
            if not _put(items, item, stop):
                return
    except (
        BaseException
    ) as error:  # Not bad input, which is a ClipRead, but a defect: raise it where it is seen.
        _put(items, error, stop)


def _put(items: "queue.Queue[_Item]", item: _Item, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            items.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _read(job: ReadJob, plan: WindowPlan) -> Iterator[Window | ClipRead]:
    facts: FileFacts | None = None
    try:
        facts = _facts(job.path)
        if facts.sha256 == job.known_sha256:
            yield ClipRead(job=job, facts=facts, unchanged=True)
            return
        with open_audio(job.path, sample_rate_hz=plan.sample_rate_hz) as stream:
            yield from cut_windows(stream, window=plan.window, hop=plan.hop)
            duration_s, rate = stream.duration_s, stream.source_rate_hz or 0
        _check_unchanged(job.path, facts)
    except DecodeError as error:
        yield ClipRead(job=job, facts=facts, error=error)
        return
    yield ClipRead(job=job, facts=facts, duration_s=duration_s, source_rate_hz=rate)


def _facts(path: Path) -> FileFacts:
    try:
        info = os.stat(path)
        if not os.path.isfile(path):
            raise UnreadableFileError(DecodeReason.NOT_A_FILE, f"{str(path)!r} is not a regular file.")
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableFileError(DecodeReason.VANISHED, f"{str(path)!r} does not exist any more.") from error
    except OSError as error:
        raise UnreadableFileError(
            DecodeReason.UNREADABLE, f"{str(path)!r} cannot be read: {error}."
        ) from error
    return FileFacts(size_bytes=info.st_size, mtime_ns=info.st_mtime_ns, sha256=digest)


def _check_unchanged(path: Path, facts: FileFacts) -> None:
    try:
        info = os.stat(path)
    except OSError as error:
        raise UnreadableFileError(
            DecodeReason.VANISHED, f"{str(path)!r} went away while it was read."
        ) from error
    if (info.st_size, info.st_mtime_ns) != (facts.size_bytes, facts.mtime_ns):
        told = f"{str(path)!r} changed while it was read; index it again when it is complete."
        raise UnreadableFileError(DecodeReason.CHANGED_WHILE_READING, told)
