"""The trained ear: log-mel spectrogram, EfficientNet-lite0, and a projection to the anchor's space.

It starts from ImageNet weights, which do well on spectrograms (Palanisamy et al. 2020, arXiv 2007.11154), and all of
it is trained, by ``training.recipes.compact``. ``model.compact_audio_encoder`` joins several of it.
"""

from dataclasses import dataclass
from typing import cast

import timm
import torch
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn

from model.audio_encoder import AudioEncoder
from model.imagenet import NETWORK
from model.mel import MelEnergies
from model.spec_augment import SpecAugment

FEATURES = 1_280  # channels of EfficientNet-lite0's last layer


@dataclass(frozen=True, kw_only=True)
class CompactAudioConfig:
    """Sizes of an ear; written into ``config.json``."""

    embed_dim: int
    sample_rate_hz: int = 16_000
    window_ms: int = 50
    hop_ms: int = 20
    mel_bins: int = 80
    low_hz: float = 40.0
    high_hz: float = 8_000.0
    range_db: float = 80.0  # what lies further under the loudest point of a window is silence
    quiet_db: float = -60.0  # windows that never exceed this are not raised to full scale


@dataclass(frozen=True, kw_only=True)
class EarConfig(CompactAudioConfig):
    """The same of one ear that is a model's whole audio encoder."""


class LogMel(nn.Module):
    """Waveforms (N, samples) to log-mel images (N, 1, mel_bins, frames), 1 at the loudest point of each, about 0 below.

    Level is taken relative to the window's own maximum, so that a quiet recording of a dog is still a dog.
    """

    def __init__(self, config: CompactAudioConfig) -> None:
        super().__init__()
        self.range_db, self.quiet_db = config.range_db, config.quiet_db
        window_size = config.sample_rate_hz * config.window_ms // 1000
        self.mel = MelEnergies(
            sample_rate_hz=config.sample_rate_hz,
            window_size=window_size,
            hop_size=config.sample_rate_hz * config.hop_ms // 1000,
            fft_size=1 << (window_size - 1).bit_length(),
            bins=config.mel_bins,
            low_hz=config.low_hz,
            high_hz=config.high_hz,
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.image(self.mel(waveforms))

    def image(self, energies: Tensor) -> Tensor:
        """Return the images of mel energies, (N, frames, bins)."""
        level_db = 10 * torch.log10(energies.clamp(min=1e-10))
        loudest = level_db.amax(dim=(1, 2), keepdim=True).clamp(min=self.quiet_db)
        scaled = (level_db - loudest).clamp(min=-self.range_db) / (self.range_db / 2) + 1
        return scaled.transpose(1, 2)[:, None]


class TrainedEar(AudioEncoder):
    """Waveforms (N, samples) at 16 kHz to (N, embed_dim)."""

    def __init__(self, config: CompactAudioConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_dim = config.embed_dim
        self.sample_rate_hz = config.sample_rate_hz
        self.log_mel = LogMel(config)
        self.spec_augment = SpecAugment(fill=-1.0)
        network = timm.create_model(NETWORK, pretrained=False, num_classes=0, in_chans=1, drop_path_rate=0.1)
        self.network = cast(EfficientNet, network)
        # half as fast again on a CPU (torch's stub of ``to`` does not know its own argument)
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.dropout = nn.Dropout(0.2)
        self.projection = nn.Linear(FEATURES, config.embed_dim)

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.hear(self.log_mel(waveforms))

    def hear(self, images: Tensor) -> Tensor:
        """Embed log-mel images, (N, 1, mel_bins, frames), to (N, embed_dim)."""
        return self.projection(self.dropout(self._features(images)))

    def _features(self, images: Tensor) -> Tensor:
        images = self.spec_augment(images).contiguous(memory_format=torch.channels_last)
        maps = self.network.forward_features(images)
        over_time = maps.mean(2)  # (N, C, frames'): a sound's pitch range does not say where it is
        # the mean hears textures, the maximum hears a single bark in silence (as PANNs, arXiv 1912.10211)
        return over_time.mean(2) + over_time.amax(2)
