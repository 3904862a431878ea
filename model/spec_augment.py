"""SpecAugment: bands of frequency and stretches of time are blanked out (Park et al. 2019, arXiv 1904.08779)."""

import random

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
        images = images.clone()
        _, _, bins, frames = images.shape
        for image in images:
            for _ in range(self.bands):
                width = random.randint(0, int(bins * self.band_share))
                start = random.randint(0, bins - width)
                image[:, start : start + width] = self.fill
            for _ in range(self.stretches):
                width = random.randint(0, int(frames * self.stretch_share))
                start = random.randint(0, frames - width)
                image[:, :, start : start + width] = self.fill
        return images
