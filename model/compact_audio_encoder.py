"""The compact audio encoder: small ears that learn apart and are heard together.

Each is wholly trained (``model.trained_ear``), with its own draws, and not all on the same clips. They err on different
sounds, so their mean is better than any of them (decisions/0005).
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.audio_encoder import AudioEncoder
from model.trained_ear import CompactAudioConfig, LogMel, TrainedEar

EARS = 4


class CompactAudioEncoder(AudioEncoder):
    """Waveforms (N, samples) at 16 kHz to (N, embed_dim)."""

    def __init__(self, config: CompactAudioConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_dim, self.sample_rate_hz = config.embed_dim, config.sample_rate_hz
        self.ears = nn.ModuleList([TrainedEar(config) for _ in range(EARS)])

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.hear(self.log_mel(waveforms))

    @property
    def log_mel(self) -> LogMel:
        """The front end; the ears have the same, so that it is gone through once for all of them."""
        return cast(TrainedEar, self.ears[0]).log_mel

    def hear(self, images: Tensor) -> Tensor:
        """Embed log-mel images, (N, 1, mel_bins, frames), to (N, embed_dim)."""
        heard = [F.normalize(cast(TrainedEar, ear).hear(images), dim=-1) for ear in self.ears]
        return torch.stack(heard).mean(0)
