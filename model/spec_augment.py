"""SpecAugment: bands of frequency and stretches of time are blanked out (Park et al. 2019, arXiv 1904.08779)."""

import random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class SpecAugment(nn.Module):
    """Spectrograms (N, 1, bins, frames) to the same, blanked with ``fill`` while training; draws from ``random``."""

    def __init__(
        self,
        *,
        fill: float,
        bands: int = 2,
        band_share: float = 0.15,
        stretches: int = 2,
        stretch_share: float = 0.12,
    ) -> None:
        super().__init__()
        self.fill = fill
        self.bands, self.band_share = bands, band_share
        self.stretches, self.stretch_share = stretches, stretch_share

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return images
        clips, _, bins, frames = images.shape
        # Drawn on the host and blanked at once: on a GPU each of hundreds of slices would be a kernel of its own.
        in_band, in_stretch = np.zeros((clips, bins), bool), np.zeros((clips, frames), bool)
        for row in range(clips):
            _draw(in_band[row], self.bands, self.band_share)
            _draw(in_stretch[row], self.stretches, self.stretch_share)
        bands, stretches = (torch.from_numpy(drawn).to(images.device) for drawn in (in_band, in_stretch))
        return images.masked_fill(bands[:, None, :, None] | stretches[:, None, None, :], self.fill)


def _draw(blanked: NDArray[np.bool_], count: int, share: float) -> None:
    """Set ``count`` runs of places, each at most a ``share`` of all."""
    for _ in range(count):
        width = random.randint(0, int(len(blanked) * share))
        start = random.randint(0, len(blanked) - width)
        blanked[start : start + width] = True
