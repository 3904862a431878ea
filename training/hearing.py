"""Decodes clips of shards, a few at a time, in worker processes.

Processes, because what FFmpeg decodes costs more Python between its packets than decoding: threads would take turns.
Nothing here loads torch, so that a worker is small and starts at once, and workers are never forked from a process
that has threads or a GPU. A worker ends with the process that started it, even if that one is killed.
"""

import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.audio import open_audio
from indexer.errors import DecodeError
from training.audio_data import random_cut, random_gain, to_sixteen_bits
from training.shard_index import ShardedClip, read_clip

LONGEST_HEARD_S = 120.0  # a cut is from the first two minutes: an hour of audio would keep a worker too long
_CLEAN_START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Cuts of clips, (n, samples) float32; the rows of ``unreadable`` clips (key and reason) are silent."""

    waveforms: NDArray[np.float32]
    unreadable: list[tuple[str, str]]


def decoding_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes for ``hear``."""
    context = multiprocessing.get_context(_CLEAN_START)
    if _CLEAN_START == "forkserver":
        context.set_forkserver_preload([__name__])
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)


def hear(
    directory: Path, clips: Sequence[ShardedClip], seeds: Sequence[str], *, samples: int, sample_rate_hz: int
) -> Heard:
    """Decode clips of the shards in ``directory`` and cut ``samples`` of each, drawn with its own seed.

    Raises DataError if a shard cannot be read.
    """
    waveforms = np.zeros((len(clips), samples), np.float32)
    unreadable = []
    for row, clip, seed in zip(waveforms, clips, seeds, strict=True):
        content = read_clip(directory, clip)
        try:
            audio = to_sixteen_bits(_decode(content, sample_rate_hz))
        except DecodeError as error:
            unreadable.append((clip.key, str(error)))
            continue
        rng = random.Random(seed)
        row[:] = random_gain(random_cut(audio, samples, rng), rng)
    return Heard(waveforms=waveforms, unreadable=unreadable)


def _decode(content: bytes, sample_rate_hz: int) -> NDArray[np.float32]:
    blocks, left = [np.empty(0, np.float32)], round(LONGEST_HEARD_S * sample_rate_hz)
    with open_audio(content, sample_rate_hz=sample_rate_hz) as stream:
        for block in stream:
            blocks.append(block[:left])
            left -= len(blocks[-1])
            if not left:
                break
    return np.concatenate(blocks)


def _begin() -> None:
    """Leave an interruption to the process that started this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
