"""HTS-AT (Chen et al. 2022, arXiv 2202.00874), a Swin transformer over spectrograms: one of the paper's ablations.

The network is transformers' audio tower of CLAP, whose weights LAION publishes (``laion/clap-htsat-unfused`` and its
larger relatives). The front end is a batched one of our own, equal to ``ClapFeatureExtractor``
(tests/model/test_htsat.py).
"""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional as F

from model.audio_encoder import AudioEncoder
from model.errors import TooLongError, WeightsError
from model.mel import MelEnergies
from model.spec_augment import SpecAugment
from model.weights import below, load_strictly, read_weights

SAMPLE_RATE_HZ = 48_000
MAX_SAMPLES = 10 * SAMPLE_RATE_HZ
MEL_BINS, WINDOW_SIZE, HOP_SIZE = 64, 1_024, 480
LOW_HZ, HIGH_HZ = 50.0, 14_000.0  # as CLAP's preprocessor_config.json has them
QUIETEST = 1e-10
AUDIO_TOWER = "audio_model."
BLOCK = re.compile(
    r"audio_encoder\.layers\.(\d+)\.blocks\.\d+\.layernorm_before\.weight"
)  # one of each block
POSITION_TABLE = "audio_encoder.layers.{}.blocks.0.attention.self.relative_position_bias_table"


@dataclass(frozen=True, kw_only=True)
class HtsAtConfig:
    """Sizes, and the dimension of the space that HTS-AT is mapped to; the defaults are ``clap-htsat-unfused``'s."""

    embed_dim: int
    width: int = 96  # of the first stage; each later one is twice as wide
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    attention_window: int = 8
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("depths", "heads"):  # config.json has lists
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def last_width(self) -> int:
        """Width of the tokens that come out."""
        return self.width * 2 ** (len(self.depths) - 1)


class ClapLevels(nn.Module):
    """Waveforms (N, samples) at 48 kHz, up to 10 s, to levels in dB, (N, 1, 1001, MEL_BINS), as CLAP reads them.

    The network takes images of one size: a shorter waveform is repeated as often as it wholly fits, then silent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mel = MelEnergies(
            sample_rate_hz=SAMPLE_RATE_HZ,
            window_size=WINDOW_SIZE,
            hop_size=HOP_SIZE,
            fft_size=WINDOW_SIZE,
            bins=MEL_BINS,
            low_hz=LOW_HZ,
            high_hz=HIGH_HZ,
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """Raises TooLongError for more than 10 s."""
        samples = waveforms.shape[1]
        if samples > MAX_SAMPLES:
            raise TooLongError(
                f"{samples / SAMPLE_RATE_HZ:.1f} s of sound are more than HTS-AT hears at once: "
                f"cut it into windows of at most {MAX_SAMPLES // SAMPLE_RATE_HZ} s"
            )
        repeated = waveforms.repeat(1, MAX_SAMPLES // max(1, samples))
        filled = F.pad(repeated, (0, MAX_SAMPLES - repeated.shape[1]))
        return 10 * self.mel(filled).clamp(min=QUIETEST).log10()[:, None]


class HtsAtEncoder(AudioEncoder):
    """Waveforms (N, samples) at 48 kHz to (N, embed_dim): the mean of HTS-AT's tokens, its own pooling, under a linear
    map."""

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, config: HtsAtConfig) -> None:
        # seconds, which no other encoder needs
        from transformers.models.clap.configuration_clap import ClapAudioConfig
        from transformers.models.clap.modeling_clap import ClapAudioModel

        super().__init__()
        self.config = config
        self.embed_dim = config.embed_dim
        self.levels = ClapLevels()
        self.spec_augment = SpecAugment(fill=0.0)
        self.clap = ClapAudioModel(
            ClapAudioConfig(
                patch_embeds_hidden_size=config.width,
                hidden_size=config.last_width,
                depths=config.depths,
                num_attention_heads=config.heads,
                num_hidden_layers=len(config.depths),
                window_size=config.attention_window,
                hidden_dropout_prob=config.dropout,
            )
        )
        self.projection = nn.Linear(config.last_width, config.embed_dim)

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.projection(self.clap(self._augmented(self.levels(waveforms))).pooler_output)

    def _augmented(self, levels: Tensor) -> Tensor:
        """Blank with the mean level of each band that the network has met, as the published code does."""
        usual = cast(Tensor, self.clap.audio_encoder.batch_norm.running_mean)
        return self.spec_augment((levels - usual).transpose(2, 3)).transpose(2, 3) + usual


def load_htsat(path: Path, embed_dim: int) -> HtsAtEncoder:
    """Return HTS-AT with the weights of a published CLAP's audio tower, under a new linear map.

    ``path`` is a folder with ``model.safetensors`` or ``pytorch_model.bin``, or such a file; the sizes are read from
    the tensors. Raises WeightsError if it cannot be read, is of another architecture ("fused" CLAP is), or lacks or
    adds a tensor.
    """
    tensors = below(read_weights(path), AUDIO_TOWER)
    config = HtsAtConfig(embed_dim=embed_dim, **_sizes(tensors, path))
    try:
        encoder = HtsAtEncoder(config)
    except ValueError as error:
        raise WeightsError(f"{path} is of another architecture: {error}") from error
    load_strictly(encoder.clap, tensors, path)
    return encoder


def _sizes(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    """Return the sizes that tensors speak of: stages, blocks and heads are counted."""
    blocks = Counter(int(found[1]) for found in map(BLOCK.fullmatch, tensors) if found)
    try:
        tables = [tensors[POSITION_TABLE.format(stage)] for stage in range(len(blocks))]
        return {
            "width": tensors["audio_encoder.patch_embed.proj.weight"].shape[0],
            "depths": tuple(blocks[stage] for stage in sorted(blocks)),
            "heads": tuple(table.shape[1] for table in tables),
            "attention_window": (math.isqrt(len(tables[0])) + 1) // 2,  # (2 * window - 1) ** 2 rows
        }
    except (KeyError, IndexError) as error:
        raise WeightsError(
            f"{path} holds no audio tower of CLAP: its tensors are expected below {AUDIO_TOWER} ({error})"
        ) from error
