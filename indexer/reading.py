"""Reads one clip: checks its file, decodes it and cuts it into windows. Runs in decoding processes (``prefetch``).

Knows neither model nor store, so that a process starts quickly and a decoder that crashes takes nothing with it.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.audio import open_audio
from indexer.description import NOTHING, Description
from indexer.embedded_tags import describe_file
from indexer.errors import DecodeError, DecodeReason, UnreadableFileError
from indexer.windows import cut_windows

WHOLE_CLIP_WINDOWS = 32
"""A clip of at most this many windows is read to its end before any is handed out: if the same audio is known
already, none of them needs to be embedded."""

_PART_WINDOWS = 8


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

    ``is_known`` is asked whether a clip with such a file is at hand already.
    """
    facts: FileFacts | None = None
    description = NOTHING
    started = time.process_time()
    try:
        facts = _facts(job.path)
        description = describe_file(job.path)
        if facts.sha256 == job.known_sha256 or is_known(facts):
            read_s = time.process_time() - started
            yield ClipRead(job=job, facts=facts, is_known=True, read_s=read_s, description=description)
            return
        digest = hashlib.sha256()
        held, limit = Windows(), WHOLE_CLIP_WINDOWS
        with open_audio(job.path, sample_rate_hz=plan.sample_rate_hz) as stream:
            for window in cut_windows(_hashed(stream, digest), window=plan.window, hop=plan.hop):
                if len(held.spans) == limit:
                    yield held
                    held, limit = Windows(), _PART_WINDOWS
                held.spans.append((window.start, window.end))
                held.samples.append(window.samples)
            duration_s, rate = stream.duration_s, stream.source_rate_hz or 0
        _check_unchanged(job.path, facts)
    except DecodeError as error:
        read_s = time.process_time() - started
        yield ClipRead(job=job, facts=facts, error=error, read_s=read_s, description=description)
        return
    except MemoryError:
        told = f"{str(job.path)!r} needs more memory to be decoded than a decoding process may have."
        error = DecodeError(DecodeReason.TOO_DEMANDING, told)
        read_s = time.process_time() - started
        yield ClipRead(job=job, facts=facts, error=error, read_s=read_s, description=description)
        return
    yield ClipRead(
        job=job,
        facts=facts,
        duration_s=duration_s,
        source_rate_hz=rate,
        audio_sha256=digest.hexdigest(),
        windows=held,
        read_s=time.process_time() - started,
        description=description,
    )


def _hashed(blocks: Iterable[NDArray[np.float32]], digest: "hashlib._Hash") -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        digest.update(np.ascontiguousarray(block, "<f4").tobytes())
        yield block


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
