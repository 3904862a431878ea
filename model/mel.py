"""Mel energies of waveforms: the front end that a trained ear begins with."""

import warnings

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks


class MelEnergies(nn.Module):
    """Waveforms (N, samples) to the energy in each mel band, (N, frames, bins); sizes are in samples."""

    filters: Tensor
    taper: Tensor

    def __init__(
        self,
        *,
        sample_rate_hz: int,
        window_size: int,
        hop_size: int,
        fft_size: int,
        bins: int,
        low_hz: float,
        high_hz: float,
    ) -> None:
        super().__init__()
        self.window_size, self.hop_size, self.fft_size = window_size, hop_size, fft_size
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of bands above half the rate
            filters = melscale_fbanks(
                fft_size // 2 + 1, low_hz, high_hz, bins, sample_rate_hz, norm="slaney", mel_scale="slaney"
            )
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("taper", torch.hann_window(window_size), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        # float32 also under mixed precision: half precision loses the quiet parts
        with torch.autocast(waveforms.device.type, enabled=False):
            spectrum = torch.stft(
                waveforms.float(),
                self.fft_size,
                self.hop_size,
                self.window_size,
                self.taper,
                return_complex=True,
            )
            return self.bands(spectrum.abs().square().transpose(1, 2))

    def bands(self, power: Tensor) -> Tensor:
        """Sum power spectra, (N, frames, fft_size // 2 + 1), into bands, (N, frames, bins)."""
        return power @ self.filters
