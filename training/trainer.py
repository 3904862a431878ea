"""The training loop: an audio encoder, aligned to frozen text vectors.

It knows nothing of the encoder but ``AudioEncoder``, and nothing of the anchor but its vectors. After every epoch a
checkpoint holds all that decides the rest of the run, so that a resumed run equals one that was never stopped
(bit for bit on a CPU); a bad checkpoint never replaces a good one.
"""

import math
import random
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from model.audio_encoder import AudioEncoder
from training.averaging import average_into
from training.checkpoint import read_checkpoint_of, write_checkpoint
from training.dataset import AlignmentData, Batch
from training.errors import DivergedError
from training.layer_decay import parameter_groups
from training.loss import bank_loss, in_batch_loss, initial_log_scale, unit

CHECKPOINT_FILE = "checkpoint.pt"


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """How to optimise.

    ``bank_weight`` is the share of the loss against the whole caption bank, ``merge_same_meaning`` what
    ``in_batch_loss`` calls merged, ``layer_decay`` the ratio of a layer's learning rate to that of the one above.
    """

    epochs: int
    lr: float = 1e-3
    weight_decay: float = 0.02
    warmup_epochs: float = 1.0
    clip_norm: float = 2.0
    bank_weight: float = 0.7
    merge_same_meaning: bool = True
    layer_decay: float = 1.0
    average_decay: float = 0.99
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What one epoch came to; ``figures`` are retrieval figures on the validation clips."""

    epoch: int
    loss: float
    seconds: float
    clips_per_second: float
    figures: dict[str, float]


class Trainer:
    """Aligns ``encoder`` to the vectors of ``data``; ``averaged`` is the running mean of its weights, which is kept."""

    def __init__(
        self, encoder: AudioEncoder, data: AlignmentData, config: TrainerConfig, *, run_id: str
    ) -> None:
        self.encoder = encoder.to(config.device)
        self.averaged = deepcopy(self.encoder).requires_grad_(False).eval()
        self.log_scale = nn.Parameter(initial_log_scale().to(config.device))
        self.data, self.config, self.run_id = data, config, run_id
        self.epoch = 0
        groups = parameter_groups(
            [*self.encoder.named_parameters(), ("log_scale", self.log_scale)],
            layer_decay=config.layer_decay,
            weight_decay=config.weight_decay,
        )
        self.optimiser = torch.optim.AdamW(groups, lr=config.lr)
        self._bank = data.bank.to(config.device)

    def run(
        self,
        out: Path,
        *,
        evaluate: Callable[[AudioEncoder], dict[str, float]],
        on_epoch: Callable[[EpochReport], None],
        on_batch: Callable[[int, float], None],
    ) -> None:
        """Train to the last epoch, writing a checkpoint to ``out`` after each."""
        while self.epoch < self.config.epochs:
            started = time.monotonic()
            loss, clips = self._train_epoch(on_batch)
            seconds = time.monotonic() - started
            self.epoch += 1
            self.save(out / CHECKPOINT_FILE)
            on_epoch(
                EpochReport(
                    epoch=self.epoch,
                    loss=loss,
                    seconds=seconds,
                    clips_per_second=clips / seconds,
                    figures=evaluate(self.averaged),
                )
            )

    def save(self, path: Path) -> None:
        """Write a checkpoint beside the old one, then replace it."""
        state = {
            "run_id": self.run_id,
            "config": asdict(self.config),
            "epoch": self.epoch,
            "encoder": self.encoder.state_dict(),
            "averaged": self.averaged.state_dict(),
            "log_scale": self.log_scale.detach(),
            "optimiser": self.optimiser.state_dict(),
        }
        write_checkpoint(path, state)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint of the same run. Raises CheckpointError if it is of another, or broken."""
        state = read_checkpoint_of(path, run_id=self.run_id, config=asdict(self.config))
        self.encoder.load_state_dict(state["encoder"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        with torch.no_grad():
            self.log_scale.copy_(state["log_scale"])
        self.epoch = state["epoch"]

    def _train_epoch(self, on_batch: Callable[[int, float], None]) -> tuple[float, int]:
        # dropout and SpecAugment draw from these; seeding by epoch is what makes a resumed run exact
        random.seed(f"{self.config.seed}/{self.epoch}/augment")
        torch.manual_seed(self.config.seed * 100_003 + self.epoch)
        self.encoder.train()
        total, clips = 0.0, 0
        steps = math.ceil(len(self.data) / self.data.choices.batch_size)
        for step, batch in enumerate(self.data.batches(self.epoch)):
            for group in self.optimiser.param_groups:
                group["lr"] = self.config.lr * group["rate"] * self._schedule(self.epoch + step / steps)
            loss = self._step(batch)
            total, clips = total + loss * len(batch.waveforms), clips + len(batch.waveforms)
            on_batch(clips, loss)
        return total / max(clips, 1), clips

    def _step(self, batch: Batch) -> float:
        device = self.config.device
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            audio = self.encoder(batch.waveforms.to(device))
        loss = self._loss(unit(audio), batch.captions.to(device), batch.targets.to(device))
        if not torch.isfinite(loss):
            raise DivergedError(
                f"the loss became {loss.item()} in epoch {self.epoch + 1}; the checkpoint of the last "
                "whole epoch stands. Lower the learning rate, or look for broken audio"
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.encoder.parameters(), self.config.clip_norm)
        self.optimiser.step()
        average_into(self.averaged, self.encoder, decay=self.config.average_decay)
        return loss.item()

    def _loss(self, audio_nd: Tensor, captions_nd: Tensor, targets_nm: Tensor) -> Tensor:
        scale = self.log_scale.exp()
        share = self.config.bank_weight
        loss = (1 - share) * in_batch_loss(
            audio_nd, captions_nd, scale, merged=self.config.merge_same_meaning
        )
        return loss + share * bank_loss(audio_nd, self._bank, targets_nm, scale) if share else loss

    def _schedule(self, epoch: float) -> float:
        """Linear warm-up, then a cosine to zero."""
        warmup = min(self.config.warmup_epochs, self.config.epochs / 4)
        if epoch < warmup:
            return (epoch + 0.05) / (warmup + 0.05)
        return 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (self.config.epochs - warmup)))
