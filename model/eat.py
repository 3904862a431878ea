"""EAT (Chen et al. 2024, arXiv 2401.03497), a self-supervised audio transformer; SSLAM (arXiv 2506.12222) is the same
network, trained on mixtures.

A vision transformer whose blocks normalise after each residual, as data2vec 2.0 has them. Parameters carry the names
of the checkpoints on the Hugging Face hub, but for two (``OUR_NAMES``). The blocks are equal to a published
implementation at the same weights (tests/model/test_eat.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from torch import Tensor, nn
from torch.nn import functional as F

from model.audio_encoder import AudioEncoder
from model.errors import WeightsError
from model.spectrogram_patches import (
    MEL_BINS,
    PATCH_SIZE,
    SAMPLE_RATE_HZ,
    LogMelImages,
    sincos_positions,
)
from model.weights import below, load_strictly, read_weights

LEVEL_MEAN, LEVEL_DEVIATION = -4.268, 4.569  # of the filter bank over AudioSet; published with the code
PUBLISHED_PREFIX = "model."
CLASSIFIER = ("fc_norm.", "head.")  # what fine-tuned checkpoints have beside
OUR_NAMES = {
    "local_encoder.proj.weight": "patch_embedding.weight",
    "local_encoder.proj.bias": "patch_embedding.bias",
    "fixed_positional_encoder.positions": "positions",
}
# The published names of our sizes.
PUBLISHED_NAMES = {
    "layers": "depth",
    "width": "embed_dim",
    "heads": "num_heads",
    "mlp_ratio": "mlp_ratio",
    "max_columns": "max_length",
    "norm_eps": "norm_eps",
}
# What all published checkpoints have, and this implementation is written for.
EXPECTED = {
    "patch_size": PATCH_SIZE,
    "stride": PATCH_SIZE,
    "in_chans": 1,
    "mel_bins": MEL_BINS,
    "qkv_bias": True,
    "layer_norm_first": False,
    "norm_affine": True,
    "fixed_positions": True,
}


@dataclass(frozen=True, kw_only=True)
class EatConfig:
    """Sizes, and the dimension of the space that EAT is mapped to; the defaults are the base checkpoints'."""

    embed_dim: int
    layers: int = 12
    width: int = 768
    heads: int = 12
    mlp_ratio: float = 4.0
    max_columns: int = 768  # patches in time that there are positions for: 122.9 s
    norm_eps: float = 1e-6
    drop_path: float = 0.1


class Eat(nn.Module):
    """Images (N, 1, frames, MEL_BINS) to tokens, (N, 1 + patches, width): the class token, then patches by time."""

    positions: Tensor

    def __init__(self, config: EatConfig) -> None:
        super().__init__()
        self.extra_tokens = nn.Parameter(torch.empty(1, 1, config.width))
        self.patch_embedding = nn.Conv2d(1, config.width, PATCH_SIZE, stride=PATCH_SIZE)
        # stored, as the published files do, so that a checkpoint's own table is what is added
        self.register_buffer("positions", sincos_positions(config.max_columns, config.width)[None])
        self.pre_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.apply(_start)
        nn.init.trunc_normal_(self.extra_tokens, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embedding(images).flatten(2).transpose(1, 2)
        patches = patches + self.positions[:, : patches.shape[1]]
        tokens = self.pre_norm(torch.cat([self.extra_tokens.expand(len(images), -1, -1), patches], dim=1))
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class Block(nn.Module):
    """Attention and feed-forward, each normalised after its residual."""

    def __init__(self, config: EatConfig) -> None:
        super().__init__()
        self.attn = Attention(config)
        self.norm1 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.mlp = Mlp(config.width, int(config.width * config.mlp_ratio))
        self.norm2 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.drop_path = DropPath(config.drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norm1(tokens + self.drop_path(self.attn(tokens)))
        return self.norm2(tokens + self.drop_path(self.mlp(tokens)))


class Attention(nn.Module):
    """Self-attention with one matrix for queries, keys and values."""

    def __init__(self, config: EatConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        heard = F.scaled_dot_product_attention(query, key, value)
        return self.proj(heard.transpose(1, 2).flatten(2))


class EatEncoder(AudioEncoder):
    """Waveforms (N, samples) at 16 kHz to (N, embed_dim): EAT's class token under a linear map.

    The class token and not the mean of the patches, since EAT is trained to tell the whole clip by it, and fine-tuned
    on it. Any length up to ``max_columns`` patches, TooLongError beyond.
    """

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, config: EatConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_dim = config.embed_dim
        self.images = LogMelImages(mean=LEVEL_MEAN, deviation=LEVEL_DEVIATION, max_columns=config.max_columns)
        self.eat = Eat(config)
        self.projection = nn.Linear(config.width, config.embed_dim)

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.projection(self.eat(self.images(waveforms))[:, 0])


def load_eat(path: Path, embed_dim: int) -> EatEncoder:
    """Return EAT with the weights of a checkpoint, under a new linear map.

    ``path`` is a folder with ``config.json`` and ``model.safetensors``, or the latter with the former beside it.
    Raises WeightsError if it cannot be read, is of another architecture, or lacks or adds a tensor.
    """
    folder = path if path.is_dir() else path.parent
    encoder = EatEncoder(EatConfig(embed_dim=embed_dim, **_published_sizes(folder / "config.json")))
    published = below(read_weights(path), PUBLISHED_PREFIX)
    tensors = {
        OUR_NAMES.get(key, key): tensor for key, tensor in published.items() if not key.startswith(CLASSIFIER)
    }
    load_strictly(encoder.eat, tensors, path)
    return encoder


def _published_sizes(path: Path) -> Mapping[str, Any]:
    """Read what a published ``config.json`` says of the sizes; what it leaves out is as in the base checkpoints."""
    try:
        fields = json.loads(path.read_text("utf-8"))
        other = {name: fields[name] for name, value in EXPECTED.items() if fields.get(name, value) != value}
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path} is not the config.json of an EAT checkpoint: {error}") from error
    sizes = {ours: fields[theirs] for ours, theirs in PUBLISHED_NAMES.items() if theirs in fields}
    other |= {name: value for name, value in sizes.items() if not isinstance(value, int | float)}
    if other:
        raise WeightsError(f"{path} is of another architecture: {other}")
    return sizes


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight.flatten(1))  # a view: as the matrix that it is
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
