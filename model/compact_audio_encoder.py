"""The compact audio encoder: small ears that learn apart and are heard together.

Each is wholly trained (``model.trained_ear``), with its own draws, and not all on the same clips. They err on different
sounds, so their mean is better than any of them (decisions/0005).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.audio_encoder import AudioEncoder
from model.trained_ear import CompactAudioConfig, TrainedEar

EARS = 4


class CompactAudioEncoder(AudioEncoder):
    """Waveforms (N, samples) at 16 kHz to (N, embed_dim)."""

    def __init__(self, config: CompactAudioConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_dim, self.sample_rate_hz = config.embed_dim, config.sample_rate_hz
        self.ears = nn.ModuleList([TrainedEar(config) for _ in range(EARS)])

    def forward(self, waveforms: Tensor) -> Tensor:
        return torch.stack([F.normalize(ear(waveforms), dim=-1) for ear in self.ears]).mean(0)
