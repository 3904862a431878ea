"""AudioMAE (Huang et al. 2022, arXiv 2207.06405), a masked autoencoder's encoder: one of the paper's ablations.

The network is timm's vision transformer. Its weights are published by their makers under CC BY-NC 4.0, and in timm's
format on the Hugging Face hub (``gaunernst/vit_base_patch16_1024_128.audiomae_as2m``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from model.audio_encoder import AudioEncoder
from model.errors import WeightsError
from model.spectrogram_patches import (
    MEL_BINS,
    PATCH_SIZE,
    SAMPLE_RATE_HZ,
    LogMelImages,
    sincos_positions,
)
from model.weights import load_strictly, read_weights

LEVEL_MEAN, LEVEL_DEVIATION = (
    -4.2677393,
    4.5689974,
)  # of the filter bank over AudioSet; published with the code
COLUMNS = 64  # patches in time that there are positions for: 1024 frames, 10.24 s
HEAD_WIDTH = 64  # in vision transformers of every published size
DECODER = ("decoder_", "mask_token")  # what the makers' own file has beside the encoder


@dataclass(frozen=True, kw_only=True)
class AudioMaeConfig:
    """Sizes, and the dimension of the space that AudioMAE is mapped to; the defaults are the published model's."""

    embed_dim: int
    layers: int = 12
    width: int = 768
    heads: int = 12
    drop_path: float = 0.1


class AudioMaeEncoder(AudioEncoder):
    """Waveforms (N, samples) at 16 kHz to (N, embed_dim): the mean of AudioMAE's patch tokens under a linear map.

    The published code fills every clip up to 1024 frames. Here the table of positions is cropped to the frames there
    are: a position says the same wherever a clip ends, the encoder was trained on a fifth of the patches at a time, and
    the mean is then of sound alone, and a short clip cheap. TooLongError beyond 1024 frames.
    """

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, config: AudioMaeConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_dim = config.embed_dim
        self.images = LogMelImages(mean=LEVEL_MEAN, deviation=LEVEL_DEVIATION, max_columns=COLUMNS)
        self.vit = VisionTransformer(
            img_size=(COLUMNS * PATCH_SIZE, MEL_BINS),
            patch_size=PATCH_SIZE,
            in_chans=1,
            num_classes=0,
            embed_dim=config.width,
            depth=config.layers,
            num_heads=config.heads,
            drop_path_rate=config.drop_path,
        )
        self.projection = nn.Linear(config.width, config.embed_dim)
        places = cast(Tensor, self.vit.pos_embed)
        with torch.no_grad():  # as the published model began; the class token has no place
            places[:, 1:] = sincos_positions(COLUMNS, config.width)
            places[:, :1] = 0.0

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.projection(self.tokens(self.images(waveforms)).mean(1))

    def tokens(self, images: Tensor) -> Tensor:
        """Return the tokens of images (N, 1, frames, MEL_BINS), (N, patches, width), without the class token."""
        vit = self.vit
        patches = vit.patch_embed.proj(images).flatten(2).transpose(1, 2)  # time before pitch
        class_token, places = cast(Tensor, vit.cls_token), cast(Tensor, vit.pos_embed)
        tokens = torch.cat([class_token.expand(len(images), -1, -1), patches], dim=1)
        tokens = tokens + places[:, : tokens.shape[1]]
        return vit.norm(vit.blocks(tokens))[:, 1:]


def load_audio_mae(path: Path, embed_dim: int) -> AudioMaeEncoder:
    """Return AudioMAE with the weights of a checkpoint, under a new linear map.

    ``path`` is a folder or file in timm's format, or the makers' ``pretrained.pth``, whose decoder is left out; the
    sizes are read from the tensors. Raises WeightsError if it cannot be read, is of another architecture, or lacks or
    adds a tensor.
    """
    tensors = {key: tensor for key, tensor in read_weights(path).items() if not key.startswith(DECODER)}
    layers = sum(key.startswith("blocks.") and key.endswith(".norm1.weight") for key in tensors)
    if "cls_token" not in tensors or not layers:
        raise WeightsError(f"{path} holds no vision transformer: cls_token and blocks are expected")
    width = tensors["cls_token"].shape[-1]
    config = AudioMaeConfig(
        embed_dim=embed_dim, layers=layers, width=width, heads=max(1, width // HEAD_WIDTH)
    )
    encoder = AudioMaeEncoder(config)
    load_strictly(encoder.vit, tensors, path)
    return encoder
