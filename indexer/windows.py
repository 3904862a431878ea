"""Cuts a stream of samples into fixed windows, one Segment each.

A stream, because an hour of audio need not lie in memory: only about one window of it does.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Window(NamedTuple):
    """``samples`` always has the full window length; ``start`` and ``end`` count samples of the clip."""

    start: int
    end: int
    samples: NDArray[np.float32]


def cut_windows(blocks: Iterable[NDArray[np.float32]], *, window: int, hop: int) -> Iterator[Window]:
    """Cut consecutive blocks of mono samples into windows of ``window`` samples, ``hop`` apart.

    The last window is aligned to the end of the clip, so that no tail is missed. A clip shorter than one
    window gives a single window, padded with zeros, whose ``end`` is the clip's true end. No samples, no
    windows.
    """
    if window < 1 or hop < 1:
        raise ValueError(f"window and hop must be at least one sample, not {window} and {hop}")
    held = np.empty(0, np.float32)
    held_start = (
        0  # Position of held[0] in the clip: the start of the last window, in case it has to be moved.
    )
    next_start = 0
    last_end = 0
    for block in blocks:
        held = np.concatenate([held, block])
        while next_start + window <= held_start + len(held):
            begin = next_start - held_start
            yield Window(next_start, next_start + window, held[begin : begin + window].copy())
            last_end = next_start + window
            held, held_start = held[begin:], next_start
            next_start += hop
        # With a hop beyond the window, nothing before the end needs to be kept but one window.
        surplus = len(held) - 2 * window - hop
        if surplus > 0:
            held, held_start = held[surplus:], held_start + surplus
    total = held_start + len(held)
    if total == 0 or total == last_end:
        return
    if total < window:
        yield Window(0, total, np.pad(held, (0, window - total)))
    else:
        yield Window(total - window, total, held[len(held) - window :].copy())
