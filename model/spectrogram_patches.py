"""What AudioMAE and EAT have in common: the log mel image that they cut into patches, and where a patch lies in it.

Both read Kaldi's filter bank with Hann's window over samples in [-1, 1], normalised by AudioSet's mean and twice its
deviation; the last frames of an image are filled up with the level 0 *before* that normalisation, as both do.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.errors import TooLongError
from model.kaldi import HANN, KaldiFilterBank
from model.spec_augment import SpecAugment

SAMPLE_RATE_HZ = 16_000
MEL_BINS = 128
PATCH_SIZE = 16
BANDS = MEL_BINS // PATCH_SIZE  # patches one above the other


class LogMelImages(nn.Module):
    """Waveforms (N, samples) at 16 kHz to images (N, 1, frames, MEL_BINS), frames a multiple of PATCH_SIZE.

    Only up to the next multiple: what would follow, patches of nothing but filling, takes time and says nothing.
    """

    def __init__(self, *, mean: float, deviation: float, max_columns: int) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation
        self.max_frames = max_columns * PATCH_SIZE
        self.filter_bank = KaldiFilterBank(
            sample_rate_hz=SAMPLE_RATE_HZ, bins=MEL_BINS, full_scale=1.0, taper_power=HANN
        )
        self.spec_augment = SpecAugment(fill=0.0)  # the mean level

    def forward(self, waveforms: Tensor) -> Tensor:
        """Raises TooLongError for more than ``max_columns`` patches in time."""
        bank = self.filter_bank
        levels = bank(F.pad(waveforms, (0, max(0, bank.frame_size - waveforms.shape[1]))))
        frames = levels.shape[1]
        if frames > self.max_frames:
            raise TooLongError(
                f"{waveforms.shape[1] / SAMPLE_RATE_HZ:.1f} s of sound are more than this encoder hears at once: "
                f"cut it into windows of at most {self.max_frames * bank.shift_size / SAMPLE_RATE_HZ:.1f} s"
            )
        images = ((levels - self.mean) / (2 * self.deviation)).transpose(1, 2)[:, None]
        filling = -self.mean / (2 * self.deviation)
        images = F.pad(self.spec_augment(images), (0, -frames % PATCH_SIZE), value=filling)
        return images.transpose(2, 3)


def sincos_positions(columns: int, width: int) -> Tensor:
    """Return where each patch lies, (columns * BANDS, width), in the order of time: sines and cosines, not learned.

    The first half of the width tells the band, the second the time (MAE's and its relatives' table, arXiv 2111.06377).
    """
    time, band = torch.meshgrid(torch.arange(columns), torch.arange(BANDS), indexing="ij")
    rates = 10_000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = [places.flatten()[:, None] * rates for places in (band, time)]
    return torch.cat([wave for angle in angles for wave in (angle.sin(), angle.cos())], dim=1).float()
