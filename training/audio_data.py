"""Training audio in memory: decoded once, cut at random while training.

Randomness lives here and nowhere else; indexing and evaluation see whole clips.
"""

import random
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.audio import decode_audio
from indexer.errors import DecodeError
from training.errors import DataError

FULL_SCALE = 32_767
LONG_CLIP_S = 10.0  # longer clips are drawn as often as this one
GAIN_DB = (-12.0, 6.0)
MIX_DB = (-5.0, 5.0)  # level of the second sound of a mixture against the first


def load_waveforms(
    paths: Sequence[Path], *, sample_rate_hz: int, on_progress: Callable[[int], None]
) -> tuple[list[NDArray[np.int16]], dict[Path, str]]:
    """Decode clips to 16-bit mono; unreadable ones come back empty and with a reason, and are not fatal.

    Raises DataError if no clip can be read.
    """
    waveforms, failed = [], {}
    for done, path in enumerate(paths, start=1):
        try:
            samples = decode_audio(path, sample_rate_hz=sample_rate_hz)
            waveforms.append(to_sixteen_bits(samples))
        except DecodeError as error:
            failed[path] = str(error)
            waveforms.append(np.empty(0, np.int16))
        on_progress(done)
    if len(failed) == len(paths):
        raise DataError(
            f"none of {len(paths)} clips can be read; the first: {next(iter(failed.values()), 'no clips')}"
        )
    return waveforms, failed


def to_sixteen_bits(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return samples in [-1, 1] as 16-bit numbers, which is how waveforms are kept."""
    return (samples.clip(-1, 1) * FULL_SCALE).astype(np.int16)


def seconds_to_hear(waveforms: Sequence[NDArray[np.int16]], sample_rate_hz: int) -> list[float]:
    """Return the running sum of the clips' lengths, each up to ``LONG_CLIP_S``: the bounds to draw clips by."""
    return list(accumulate(min(len(wave) / sample_rate_hz, LONG_CLIP_S) for wave in waveforms))


def random_cut(waveform: NDArray[np.int16], samples: int, rng: random.Random) -> NDArray[np.float32]:
    """Cut ``samples`` at random (of two places the louder, since many clips are mostly silence), or pad at random."""
    audio = waveform.astype(np.float32) / np.float32(FULL_SCALE)
    if len(audio) <= samples:
        before = rng.randint(0, samples - len(audio))
        return np.pad(audio, (before, samples - len(audio) - before))
    starts = [rng.randint(0, len(audio) - samples) for _ in range(2)]
    return max(
        (audio[start : start + samples] for start in starts), key=lambda cut: float(np.square(cut).sum())
    )


def random_gain(audio: NDArray[np.float32], rng: random.Random) -> NDArray[np.float32]:
    """Change the level by a random number of decibels."""
    return audio * np.float32(10 ** (rng.uniform(*GAIN_DB) / 20))


def mixture(
    first: NDArray[np.float32], second: NDArray[np.float32], rng: random.Random
) -> NDArray[np.float32]:
    """Add two sounds at a random relative level, kept in [-1, 1]."""
    level = _rms(first) / max(_rms(second), 1e-5) * 10 ** (rng.uniform(*MIX_DB) / 20)
    mixed = first + second * np.float32(min(level, 30.0))
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def _rms(audio: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.square(audio).mean()))
