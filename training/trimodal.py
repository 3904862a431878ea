"""What the paper's recipe saves: audio, text and image towers, trained together by contrast of each with each.

As models of three modalities are trained when no tower is frozen: InfoNCE over the pairs text-audio, text-image and
audio-image, equally weighted, with one learned temperature. It is here to be measured against (``training.cost``).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.audio_encoder import AudioEncoder
from model.open_clip_loading import OpenClipParts
from training.layer_decay import parameter_groups
from training.loss import MAX_SCALE, initial_log_scale, unit
from training.trainer import TrainerConfig, mixed_precision

ANCHORS_OWN = ("logit_scale", "logit_bias")  # temperatures of the checkpoint's, which have no part here


@dataclass(frozen=True, kw_only=True)
class Triple:
    """Waveforms, (N, samples), token ids of their captions, (N, context), and pictures, (N, 3, height, width)."""

    waveforms: Tensor
    tokens: Tensor
    pixels: Tensor


class TriModal(nn.Module):
    """An audio encoder and an anchor's towers, all of them trainable, under one loss."""

    def __init__(self, audio: AudioEncoder, parts: OpenClipParts) -> None:
        super().__init__()
        self.audio, self.towers = audio, parts.towers
        self.log_scale = nn.Parameter(initial_log_scale())
        for name, parameter in self.towers.named_parameters():
            parameter.requires_grad_(name not in ANCHORS_OWN)
        self.train()

    def forward(self, triple: Triple, *, device: str) -> Tensor:
        """Return the loss of a batch that is on ``device``."""
        with mixed_precision(device):
            embedded = (
                self.towers.encode_text(triple.tokens),
                self.audio(triple.waveforms),
                self.towers.encode_image(triple.pixels),
            )
        text, audio, image = map(unit, embedded)
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        return (
            info_nce(text, audio, scale) + info_nce(text, image, scale) + info_nce(audio, image, scale)
        ) / 3


class TriModalTrainer:
    """Steps of AdamW on a ``TriModal``, as ``Trainer`` takes them, but without the running mean of the weights."""

    def __init__(self, model: TriModal, config: TrainerConfig) -> None:
        self.model, self._config = model.to(config.device), config
        named = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
        groups = parameter_groups(named, layer_decay=1.0, weight_decay=config.weight_decay)
        self._trained = [value for _, value in named]
        self.optimiser = torch.optim.AdamW(groups, lr=config.lr, fused=config.device.startswith("cuda"))

    def learn(self, triple: Triple) -> float:
        """Take one step on a batch and return its loss."""
        device = self._config.device
        here = Triple(**{name: value.to(device, non_blocking=True) for name, value in vars(triple).items()})
        loss = self.model(here, device=device)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained, self._config.clip_norm)
        self.optimiser.step()
        return loss.item()


def info_nce(one_nd: Tensor, other_nd: Tensor, scale: Tensor) -> Tensor:
    """Return symmetric InfoNCE of unit vectors whose rows belong together."""
    logits = scale * one_nd @ other_nd.T
    own = torch.arange(len(logits), device=logits.device)
    return 0.5 * (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own))
