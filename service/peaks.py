"""The shape of a clip, or of a part of it, at any zoom: the least and the greatest sample of each column drawn."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.audio import open_audio
from indexer.records import Clip
from service.errors import InvalidRequestError

_ANSWERS_HELD = 200


@dataclass(frozen=True)
class Peaks:
    """Samples at full scale are -1 and 1; ``least`` and ``greatest`` are of equally long parts between two times."""

    start_s: float
    end_s: float
    least: NDArray[np.float32]
    greatest: NDArray[np.float32]


def peaks(clip: Clip, *, mtime_ns: int, points: int, start_s: float | None, end_s: float | None) -> Peaks:
    """Peaks of a clip from a time to a time, or its start and end: ``points`` of them, or one for each sample.

    The file is decoded up to the end, a block at a time, and mixed to mono. ``mtime_ns`` is of no use but to forget a
    file that changed.

    Raises:
        InvalidRequestError: there is no such part of the clip.
        DecodeError.
    """
    if clip.duration_s <= 0:
        raise InvalidRequestError(
            f"Clip {clip.clip_id} was not indexed, so its length is not known.", field="clip_id"
        )
    first_s, last_s = start_s or 0.0, min(clip.duration_s, clip.duration_s if end_s is None else end_s)
    first, last = round(first_s * clip.source_rate_hz), round(last_s * clip.source_rate_hz)
    if last <= first:
        told = f"The clip lasts {clip.duration_s:g} s; there is nothing of it between {first_s:g} and {last_s:g} s."
        raise InvalidRequestError(told, field="start_s")
    least, greatest = _peaks(clip.path, mtime_ns, clip.source_rate_hz, first, last, points)
    return Peaks(first / clip.source_rate_hz, last / clip.source_rate_hz, least, greatest)


@lru_cache(maxsize=_ANSWERS_HELD)
def _peaks(
    path: Path, mtime_ns: int, rate_hz: int, first: int, last: int, points: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    points = min(points, last - first)
    edges = first + np.arange(points + 1, dtype=np.int64) * (last - first) // points
    least, greatest = np.full(points, np.inf, np.float32), np.full(points, -np.inf, np.float32)
    position = 0
    with open_audio(path, sample_rate_hz=rate_hz) as blocks:
        for block in blocks:
            end = position + len(block)
            start = max(position, first)
            if start < min(end, last):
                wanted = block[start - position : min(end, last) - position]
                column = int(np.searchsorted(edges, start, side="right")) - 1
                beyond = int(np.searchsorted(edges, start + len(wanted), side="left"))
                starts = np.maximum(edges[column:beyond] - start, 0)
                here = slice(column, beyond)
                np.minimum(least[here], np.minimum.reduceat(wanted, starts), out=least[here])
                np.maximum(greatest[here], np.maximum.reduceat(wanted, starts), out=greatest[here])
            position = end
            if position >= last:
                break
    # A file that is shorter than it was when it was indexed is silent behind its end.
    silent = ~np.isfinite(least)
    least[silent] = greatest[silent] = 0.0
    return least, greatest
