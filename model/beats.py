"""BEATs, an audio transformer (Chen et al. 2022, arXiv 2212.09058): the audio encoder of the paper's model.

Written over ``scaled_dot_product_attention``; parameters carry the names of the published checkpoints, but for the
table of relative positions, which all layers share and which is kept once (``model.beats_checkpoint``). Equal to a
published implementation at the same weights (tests/model/test_beats.py).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from model.audio_encoder import AudioEncoder
from model.kaldi import KaldiFilterBank
from model.spec_augment import SpecAugment

SAMPLE_RATE_HZ = 16_000
MEL_BINS = 128
LEVEL_MEAN, LEVEL_DEVIATION = 15.41663, 6.55582  # of the filter bank over AudioSet; published with the code


@dataclass(frozen=True, kw_only=True)
class BeatsConfig:
    """Sizes and rates of dropping; the defaults are those of the self-supervised checkpoints."""

    patch_size: int = 16
    patch_dim: int = 512
    layers: int = 12
    width: int = 768
    feed_forward: int = 3072
    heads: int = 12
    position_kernel: int = 128
    position_groups: int = 16
    buckets: int = 320
    max_distance: int = 800
    dropout: float = 0.1
    attention_dropout: float = 0.1
    input_dropout: float = 0.1
    layer_drop: float = 0.05


class Beats(nn.Module):
    """Waveforms (N, samples) at 16 kHz to tokens, (N, T, width): eight for every 0.16 s, one for each band of pitch."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.config = config
        size = config.patch_size
        self.filter_bank = KaldiFilterBank(sample_rate_hz=SAMPLE_RATE_HZ, bins=MEL_BINS)
        self.spec_augment = SpecAugment(fill=0.0)  # the mean level
        self.patch_embedding = nn.Conv2d(1, config.patch_dim, size, stride=size, bias=False)
        self.layer_norm = nn.LayerNorm(config.patch_dim)
        self.post_extract_proj = nn.Linear(config.patch_dim, config.width)
        self.dropout_input = nn.Dropout(config.input_dropout)
        self.encoder = Encoder(config)

    @property
    def least_samples(self) -> int:
        """Samples in the shortest waveform that has a token."""
        bank = self.filter_bank
        return bank.frame_size + (self.config.patch_size - 1) * bank.shift_size

    def forward(self, waveforms: Tensor, padding: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the tokens, and which of them are padding, (N, T).

        ``padding``, (N, samples), is true where a waveform was filled up to the length of the longest.
        """
        levels = (self.filter_bank(waveforms) - LEVEL_MEAN) / (2 * LEVEL_DEVIATION)
        images = self.spec_augment(levels.transpose(1, 2)[:, None]).transpose(2, 3)
        patches = self.patch_embedding(images).flatten(2).transpose(1, 2)  # time before pitch
        if padding is not None:
            padding = _all_of_each(_all_of_each(padding, levels.shape[1]), patches.shape[1])
        tokens = self.dropout_input(self.post_extract_proj(self.layer_norm(patches)))
        return self.encoder(tokens, padding), padding


class Encoder(nn.Module):
    """Tokens (N, T, width) to tokens: a convolution that tells positions, and post-norm layers."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.config = config
        kernel, width = config.position_kernel, config.width
        convolution = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=config.position_groups)
        nn.init.normal_(convolution.weight, std=math.sqrt(4 / (kernel * width)))
        nn.init.zeros_(convolution.bias)  # pyright: ignore[reportArgumentType]
        self.pos_conv = nn.ModuleList([weight_norm(convolution, dim=2)])
        self.relative_attention_bias = nn.Embedding(config.buckets, config.heads)
        self.layer_norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.layers)])
        nn.init.normal_(self.relative_attention_bias.weight, std=0.02)

    def forward(self, tokens: Tensor, padding: Tensor | None) -> Tensor:
        if padding is not None:
            tokens = tokens.masked_fill(padding[..., None], 0.0)
        around = F.gelu(self.pos_conv[0](tokens.transpose(1, 2))[..., : tokens.shape[1]])
        tokens = F.dropout(
            self.layer_norm(tokens + around.transpose(1, 2)), self.config.dropout, self.training
        )
        bias = self._position_bias(tokens)
        for layer in self.layers:
            if not self.training or torch.rand(()).item() >= self.config.layer_drop:
                tokens = layer(tokens, bias, padding)
        return tokens

    def _position_bias(self, tokens: Tensor) -> Tensor:
        """Return what every layer's gate weighs, (1, heads, T, T): computed once, since it only depends on T."""
        config = self.config
        rows = relative_buckets(tokens.shape[1], config.buckets, config.max_distance, tokens.device)
        return self.relative_attention_bias(rows).permute(2, 0, 1)[None].contiguous()


class Layer(nn.Module):
    """Attention and feed-forward, each normalised after a residual that DeepNorm scales up (arXiv 2203.00555)."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.residual_scale = (2 * config.layers) ** 0.25
        self.dropout = config.dropout
        self.self_attn = GatedAttention(config)
        self.self_attn_layer_norm = nn.LayerNorm(config.width)
        self.fc1 = nn.Linear(config.width, config.feed_forward)
        self.fc2 = nn.Linear(config.feed_forward, config.width)
        self.final_layer_norm = nn.LayerNorm(config.width)
        gain = (8 * config.layers) ** -0.25
        for linear in (self.fc1, self.fc2, self.self_attn.v_proj, self.self_attn.out_proj):
            _start(linear, gain)
        for linear in (self.self_attn.q_proj, self.self_attn.k_proj):
            _start(linear, 1.0)

    def forward(self, tokens: Tensor, bias: Tensor, padding: Tensor | None) -> Tensor:
        heard = self._dropped(self.self_attn(tokens, bias, padding))
        tokens = self.self_attn_layer_norm(tokens * self.residual_scale + heard)
        fed = self._dropped(self.fc2(F.gelu(self.fc1(tokens))))
        return self.final_layer_norm(tokens * self.residual_scale + fed)

    def _dropped(self, values: Tensor) -> Tensor:
        return F.dropout(values, self.dropout, self.training)


class GatedAttention(nn.Module):
    """Self-attention whose bias for relative positions each query gates (WavLM, arXiv 2110.13900)."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.attention_dropout
        width, head_dim = config.width, config.width // config.heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self.grep_linear = nn.Linear(head_dim, 8)
        self.grep_a = nn.Parameter(torch.ones(1, config.heads, 1, 1))
        nn.init.normal_(self.grep_linear.weight, std=0.02)
        nn.init.zeros_(self.grep_linear.bias)

    def forward(self, tokens: Tensor, bias: Tensor, padding: Tensor | None) -> Tensor:
        query, key, value = (
            linear(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for linear in (self.q_proj, self.k_proj, self.v_proj)
        )  # each (N, heads, T, head_dim)
        update, reset = self.grep_linear(query).unflatten(-1, (2, 4)).sum(-1).sigmoid().chunk(2, dim=-1)
        gate = update * (reset * self.grep_a - 1) + 2
        mask = gate.to(query.dtype) * bias.to(query.dtype)  # the largest tensor here: never in float32 first
        if padding is not None:
            mask = mask.masked_fill(padding[:, None, None], -math.inf)
        heard = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out_proj(heard.transpose(1, 2).flatten(2))


@dataclass(frozen=True, kw_only=True)
class BeatsEncoderConfig(BeatsConfig):
    """BEATs, and the dimension of the space that it is mapped to; written into ``config.json``."""

    embed_dim: int


class BeatsEncoder(AudioEncoder):
    """Waveforms (N, samples) at 16 kHz to (N, embed_dim): the mean of BEATs' tokens under a linear map."""

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, config: BeatsEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_dim = config.embed_dim
        self.beats = Beats(config)
        self.projection = nn.Linear(config.width, config.embed_dim)

    def forward(self, waveforms: Tensor) -> Tensor:
        missing = self.beats.least_samples - waveforms.shape[1]
        tokens, _ = self.beats(F.pad(waveforms, (0, max(0, missing))))
        return self.projection(tokens.mean(1))


@lru_cache(maxsize=32)
def relative_buckets(length: int, buckets: int, max_distance: int, device: torch.device) -> Tensor:
    """Return which row of the table speaks of each pair of positions, (length, length); T5's rule, both ways.

    Half of the buckets are for keys after the query. A quarter tells small distances exactly, the next
    quarter larger ones by their logarithm, up to ``max_distance``.
    """
    with torch.inference_mode(False):  # else what is kept could not be used in training
        positions = torch.arange(length)
        distance = positions[None, :] - positions[:, None]
        half, exact = buckets // 2, buckets // 4
        far = torch.log(distance.abs().clamp(min=1).float() / exact) / math.log(max_distance / exact)
        far = (exact + (far * (half - exact)).long()).clamp(max=half - 1)
        return ((distance > 0) * half + torch.where(distance.abs() < exact, distance.abs(), far)).to(device)


def _all_of_each(mask: Tensor, parts: int) -> Tensor:
    """Return which of ``parts`` equal parts of a mask, (N, length), are true throughout, (N, parts)."""
    each = mask.shape[1] // parts
    return mask[:, : each * parts].unflatten(1, (parts, each)).all(-1)


def _start(linear: nn.Linear, gain: float) -> None:
    nn.init.xavier_normal_(linear.weight, gain=gain)
    nn.init.zeros_(linear.bias)
