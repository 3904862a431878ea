"""Reads one clip: checks its file, decodes it and cuts it into windows. Runs in decoding processes (``prefetch``).

Knows neither model nor store, so that a process starts quickly and a decoder that crashes takes nothing with it.
"""

import hashlib
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.audio import open_audio
from indexer.description import NOTHING, Description
from indexer.embedded_tags import describe_file
from indexer.errors import DecodeError, DecodeReason, UnreadableFileError
from indexer.opening import OpenFile, open_regular
from indexer.windows import cut_windows

WHOLE_CLIP_WINDOWS = 32
"""A clip of at most this many windows is read to its end before any is handed out: if the same audio is known
already, none of them needs to be embedded."""

_PART_WINDOWS = 8
_LARGE_BYTES = 1 << 30
_BUFFER_BYTES = 1 << 18


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


@dataclass
class Windows:
    """Consecutive windows of one clip: first and last sample of each, and samples, (window,) each."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    samples: list[NDArray[np.float32]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ClipRead:
    """The end of a clip: all windows handed out before belong to it, and ``windows`` follow them.

    ``facts`` is None if the file could not be read at all. ``error`` tells that the clip must not be used,
    ``is_known`` that a file with this content was indexed before, so that this one was not decoded.
    ``audio_sha256`` is of the decoded samples, ``read_s`` the time that reading and decoding took. ``description`` is
    what the file's tags and its name say.
    """

    job: ReadJob
    facts: FileFacts | None
    duration_s: float = 0.0
    source_rate_hz: int = 0
    is_known: bool = False
    error: DecodeError | None = None
    audio_sha256: str = ""
    windows: Windows = field(default_factory=Windows)
    read_s: float = 0.0
    description: Description = NOTHING


def read_clip(
    job: ReadJob, plan: WindowPlan, is_known: Callable[[FileFacts], bool]
) -> Iterator[Windows | ClipRead]:
    """Yield parts of a long clip, and then, for every clip, its ClipRead. Raises nothing for a bad file.

    A part may be empty: it tells that a large file is still being read. ``is_known`` is asked whether a clip with
    such a file is at hand already.
    """
    reader = _Reader(job, plan, is_known)
    started = time.process_time()
    try:
        with open_regular(job.path) as file:
            yield from reader.read(file)
    except DecodeError as error:
        reader.error = error
    except MemoryError:
        told = f"{str(job.path)!r} needs more memory to be decoded than a decoding process may have."
        reader.error = DecodeError(DecodeReason.TOO_DEMANDING, told)
    yield reader.result(read_s=time.process_time() - started)


class _Reader:
    """What is known of one clip so far. The file stays open throughout, so that whatever is renamed into its place,
    facts and samples are of one file."""

    def __init__(self, job: ReadJob, plan: WindowPlan, is_known: Callable[[FileFacts], bool]) -> None:
        self.error: DecodeError | None = None
        self._job, self._plan, self._ask = job, plan, is_known
        self._facts: FileFacts | None = None
        self._is_known = False
        self._description = NOTHING
        self._held = Windows()
        self._digest = hashlib.sha256()
        self._duration_s, self._rate_hz = 0.0, 0

    def read(self, file: OpenFile) -> Iterator[Windows]:
        info = os.fstat(file.fileno())
        self._facts = FileFacts(size_bytes=info.st_size, mtime_ns=info.st_mtime_ns, sha256="")
        if info.st_size > _LARGE_BYTES:
            self._check_start(file)
        sha256 = yield from _sha256(file)
        self._facts = replace(self._facts, sha256=sha256)
        self._description = describe_file(file)
        self._is_known = sha256 == self._job.known_sha256 or self._ask(self._facts)
        if self._is_known:
            return
        try:
            yield from self._decode(file)
        except DecodeError:
            _check_unchanged(file, info, self._job.path)  # then that is why it looks broken
            raise
        _check_unchanged(file, info, self._job.path)

    def result(self, *, read_s: float) -> ClipRead:
        if self.error is not None:
            return ClipRead(
                job=self._job,
                facts=self._facts,
                error=self.error,
                read_s=read_s,
                description=self._description,
            )
        return ClipRead(
            job=self._job,
            facts=self._facts,
            duration_s=self._duration_s,
            source_rate_hz=self._rate_hz,
            is_known=self._is_known,
            audio_sha256="" if self._is_known else self._digest.hexdigest(),
            windows=self._held,
            read_s=read_s,
            description=self._description,
        )

    def _check_start(self, file: OpenFile) -> None:
        """Refuse what no decoder takes, or what is too long, before gigabytes of it are read for their hash."""
        with open_audio(file, sample_rate_hz=self._plan.sample_rate_hz) as stream:
            next(iter(stream), None)

    def _decode(self, file: OpenFile) -> Iterator[Windows]:
        window, hop, limit = self._plan.window, self._plan.hop, WHOLE_CLIP_WINDOWS
        with open_audio(file, sample_rate_hz=self._plan.sample_rate_hz) as stream:
            for cut in cut_windows(_hashed(stream, self._digest), window=window, hop=hop):
                if len(self._held.spans) == limit:
                    yield self._held
                    self._held, limit = Windows(), _PART_WINDOWS
                self._held.spans.append((cut.start, cut.end))
                self._held.samples.append(cut.samples)
            self._duration_s, self._rate_hz = stream.duration_s, stream.source_rate_hz or 0


def _hashed(blocks: Iterable[NDArray[np.float32]], digest: "hashlib._Hash") -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        digest.update(np.ascontiguousarray(block, "<f4").tobytes())
        yield block


def _sha256(file: OpenFile) -> Generator[Windows, None, str]:
    """Hash a file, with a sign of life for each gigabyte, for a slow disk takes minutes over a large file."""
    digest, buffer, done = hashlib.sha256(), bytearray(_BUFFER_BYTES), 0
    file.seek(0)
    while read := file.readinto(buffer):
        digest.update(memoryview(buffer)[:read])
        done += read
        if done >= _LARGE_BYTES:
            yield Windows()
            done = 0
    file.check_was_readable()
    return digest.hexdigest()


def _check_unchanged(file: OpenFile, before: os.stat_result, path: Path) -> None:
    now = os.fstat(file.fileno())
    try:
        there = os.stat(path)
    except OSError as error:
        told = f"{str(path)!r} went away while it was read."
        raise UnreadableFileError(DecodeReason.VANISHED, told) from error
    if (there.st_dev, there.st_ino) != (before.st_dev, before.st_ino):
        told = f"{str(path)!r} was replaced by another file while it was read; index it again."
        raise UnreadableFileError(DecodeReason.CHANGED_WHILE_READING, told)
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        told = f"{str(path)!r} changed while it was read; index it again when it is complete."
        raise UnreadableFileError(DecodeReason.CHANGED_WHILE_READING, told)
