"""The files behind clips, as HTTP needs them: still there, of a known type, and in ranges that make sense."""

import os
import re
import stat
from functools import lru_cache
from pathlib import Path

import numpy as np

from indexer.audio import open_audio
from service.errors import ClipFileGoneError, MalformedRequestError, RangeNotSatisfiableError
from service.limits import WAVEFORM_PEAKS, WAVEFORM_RATE_HZ

# Fixed, because what operating systems know differs, and never anything that a browser would run.
MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".webm": "audio/webm",
}
UNKNOWN_MEDIA_TYPE = "application/octet-stream"

_RANGE = re.compile(r"bytes=\s*(\d{1,18}-\d{0,18}|-\d{1,18})(\s*,\s*(\d{1,18}-\d{0,18}|-\d{1,18}))*\s*")


def media_type_of(path: Path) -> str:
    """Return the content type that a clip's file is served with, by its suffix."""
    return MEDIA_TYPES.get(path.suffix.lower(), UNKNOWN_MEDIA_TYPE)


def stat_readable(path: Path, *, clip_id: str) -> os.stat_result:
    """Return the facts of a clip's file; ClipFileGoneError unless it is a regular file that can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe must not block
    except OSError as error:
        raise file_gone(clip_id) from error
    try:
        facts = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        raise file_gone(clip_id)
    return facts


def check_range(header: str | None, *, size: int) -> None:
    """Refuse a Range header that a file of ``size`` bytes cannot answer.

    Raises:
        MalformedRequestError, RangeNotSatisfiableError.
    """
    if header is None:
        return
    if not _RANGE.fullmatch(header):
        raise MalformedRequestError(
            f"The Range header {header[:100]!r} is not of the form 'bytes=START-END'."
        )
    for part in header.partition("=")[2].split(","):
        first, _, last = part.strip().partition("-")
        start = int(first) if first else max(0, size - int(last))
        if start >= size:
            raise RangeNotSatisfiableError(size)
        if first and last and int(last) < start:
            raise MalformedRequestError(f"The Range header {header[:100]!r} ends before it starts.")


@lru_cache(maxsize=2000)
def waveform(path: Path, *, mtime_ns: int, duration_s: float) -> tuple[float, ...]:
    """Return WAVEFORM_PEAKS peaks of equal parts of a clip, scaled so that the loudest is 1.

    ``mtime_ns`` is of no use but to forget a file that changed. Raises DecodeError.
    """
    peaks = np.zeros(WAVEFORM_PEAKS, np.float32)
    samples_each = max(1.0, duration_s * WAVEFORM_RATE_HZ / WAVEFORM_PEAKS)
    position = 0
    with open_audio(path, sample_rate_hz=WAVEFORM_RATE_HZ) as blocks:
        for block in blocks:
            parts = ((position + np.arange(len(block))) / samples_each).astype(np.int64)
            np.maximum.at(peaks, np.minimum(parts, WAVEFORM_PEAKS - 1), np.abs(block))
            position += len(block)
    loudest = float(peaks.max())
    return tuple(round(float(peak) / loudest, 3) if loudest else 0.0 for peak in peaks)


def file_gone(clip_id: str) -> ClipFileGoneError:
    """The error for a clip whose file cannot be read any more."""
    return ClipFileGoneError(
        f"The file of clip {clip_id} was moved, deleted, or may not be read. Index its library again."
    )
