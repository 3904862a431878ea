"""The compact audio encoder: three ears that learn apart and are heard together.

Two are small and wholly trained on our clips (``model.trained_ear``), from different starts; the third is frozen, has
heard commercial sound-effects libraries, and is only translated into the anchor's space (``EffectsEar``). They err on
different sounds, so their mean is better than each. They are aligned one after the other, since the trained ones
remember their clips and a joint projection would believe them alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.audio_encoder import AudioEncoder
from model.effects_network import FEATURES, SAMPLE_RATE_HZ, EffectsNetwork
from model.trained_ear import CompactAudioConfig, TrainedEar

TRAINED_EARS = 2
EFFECTS_SHARE = 0.2  # of the mean of unit vectors; the trained ears share the rest


class EffectsEar(AudioEncoder):
    """Waveforms (N, samples) at 16 kHz to (N, embed_dim): frozen aisfx and a trained linear map."""

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.network = EffectsNetwork()
        self.norm = nn.BatchNorm1d(FEATURES, affine=False)
        self.dropout = nn.Dropout(0.3)
        self.projection = nn.Linear(FEATURES, embed_dim)

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.project(self.network(waveforms))

    def project(self, features_nf: Tensor) -> Tensor:
        """Map features of the network, (N, 512), to (N, embed_dim)."""
        return self.projection(self.dropout(self.norm(features_nf)))


class CompactAudioEncoder(AudioEncoder):
    """Waveforms (N, samples) at 16 kHz to (N, embed_dim)."""

    def __init__(self, config: CompactAudioConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_dim, self.sample_rate_hz = config.embed_dim, config.sample_rate_hz
        self.trained = nn.ModuleList([TrainedEar(config) for _ in range(TRAINED_EARS)])
        self.effects = EffectsEar(config.embed_dim)

    def forward(self, waveforms: Tensor) -> Tensor:
        trained = torch.stack([F.normalize(ear(waveforms), dim=-1) for ear in self.trained]).mean(0)
        return torch.lerp(trained, F.normalize(self.effects(waveforms), dim=-1), EFFECTS_SHARE)
