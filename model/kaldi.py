"""Kaldi's log mel filter bank over a whole batch, on whatever device it is: what BEATs, AudioMAE and EAT read.

torchaudio has it for one waveform at a time; this agrees with that to 1e-4 (tests/model/test_kaldi.py).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.compliance.kaldi import get_mel_banks

FRAME_MS, SHIFT_MS = 25, 10
LOWEST_HZ = 20.0
PRE_EMPHASIS = 0.97
FULL_SCALE = 2.0**15  # Kaldi counts samples as 16-bit integers
POVEY, HANN = 0.85, 1.0  # the power of Hann's window that Kaldi tapers frames with, and its window "hanning"


class KaldiFilterBank(nn.Module):
    """Waveforms (N, samples) in [-1, 1] to log mel energies, (N, frames, bins), as ``kaldi.fbank`` has by default.

    Without dither; frames that would need padding are left out, so there are 1 + (samples - frame) // shift. Samples
    are multiplied by ``full_scale`` first, and frames tapered by Hann's window to the power ``taper_power``.
    """

    taper: Tensor
    filters: Tensor

    def __init__(
        self, *, sample_rate_hz: int, bins: int, full_scale: float = FULL_SCALE, taper_power: float = POVEY
    ) -> None:
        super().__init__()
        self.full_scale = full_scale
        self.frame_size = sample_rate_hz * FRAME_MS // 1000
        self.shift_size = sample_rate_hz * SHIFT_MS // 1000
        self.fft_size = 1 << (self.frame_size - 1).bit_length()
        taper = torch.hann_window(self.frame_size, periodic=False) ** taper_power
        banks, _ = get_mel_banks(
            bins, self.fft_size, float(sample_rate_hz), LOWEST_HZ, sample_rate_hz / 2, 100.0, -500.0, 1.0
        )
        self.register_buffer("taper", taper, persistent=False)
        self.register_buffer("filters", F.pad(banks, (0, 1)).T.contiguous(), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        # float32 also under mixed precision: in bfloat16 the embedding drifts by .06
        with torch.autocast(waveforms.device.type, enabled=False):
            frames = (waveforms.float() * self.full_scale).unfold(-1, self.frame_size, self.shift_size)
            frames = frames - frames.mean(-1, keepdim=True)
            before = F.pad(frames, (1, 0), mode="replicate")[..., :-1]
            tapered = (frames - PRE_EMPHASIS * before) * self.taper
            power = torch.fft.rfft(tapered, n=self.fft_size).abs().square()
            return (power @ self.filters).clamp(min=torch.finfo(torch.float32).eps).log()
