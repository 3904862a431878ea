"""Clips with captions, drawn alike for any training: the same clips, cuts, captions and pictures in the same order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.audio_data import load_waveforms, random_cut, random_gain
from training.errors import DataError
from training.preparation import split_entries


@dataclass(frozen=True)
class Drawn:
    """Waveforms, (N, samples), and of each clip a caption and the picture that belongs to it, if any."""

    waveforms: Tensor
    captions: Sequence[str]
    pictures: Sequence[Path | None]


class CaptionedClips:
    """The clips of manifests that people described, decoded; those of split ``val`` and ``test`` are left out."""

    def __init__(
        self, data: Sequence[Path], *, sample_rate_hz: int, window_s: float, batch_size: int, seed: int
    ) -> None:
        entries = [entry for entry in split_entries(data)[0] if entry.captions]
        if not entries:
            raise DataError("none of the clips has a caption, and captions are what is learned from here")
        waveforms, _ = load_waveforms(
            [entry.audio for entry in entries], sample_rate_hz=sample_rate_hz, on_progress=lambda _: None
        )
        readable = [row for row, wave in enumerate(waveforms) if len(wave)]
        self.entries = [entries[row] for row in readable]
        if len(self.entries) < batch_size:
            raise DataError(
                f"{len(self.entries)} clips with captions can be read, fewer than the {batch_size} of a batch"
            )
        self._waveforms = [waveforms[row] for row in readable]
        self._samples = round(window_s * sample_rate_hz)
        self.batch_size, self._seed = batch_size, seed

    @property
    def captions(self) -> list[str]:
        """All captions, each once."""
        return sorted({caption for entry in self.entries for caption in entry.captions})

    def batches(self, steps: int) -> Iterator[Drawn]:
        """Yield ``steps`` batches, the same whenever they are asked for; no clip is in a batch twice."""
        rng = random.Random(self._seed)
        rows: list[int] = []
        for _ in range(steps):
            if len(rows) < self.batch_size:
                rows = rng.sample(range(len(self.entries)), len(self.entries))
            own = [rows.pop() for _ in range(self.batch_size)]
            cuts = [random_gain(random_cut(self._waveforms[row], self._samples, rng), rng) for row in own]
            yield Drawn(
                torch.from_numpy(np.stack(cuts)),
                [rng.choice(self.entries[row].captions) for row in own],
                [self.entries[row].image for row in own],
            )
