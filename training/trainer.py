"""The training loop: an audio encoder, aligned to frozen text vectors, in one process or several.

It knows nothing of the encoder but ``AudioEncoder``, of the anchor but its vectors, and of the loss but that it is one.
A checkpoint holds all that decides the rest of the run, so that a run killed at any step ends with the same weights as
one that was not (bit for bit on a CPU); a bad checkpoint never replaces a good one.
"""

import math
import random
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from model.audio_encoder import AudioEncoder
from training.ahead import ahead
from training.averaging import average_into
from training.batch import Batch, TrainingData
from training.checkpoint import read_checkpoint_of, write_checkpoint
from training.errors import CheckpointError, DataError, DivergedError
from training.layer_decay import parameter_groups
from training.loss import unit
from training.processes import (
    average_statistics,
    gather_objects,
    gather_rows,
    own_share,
    sum_gradients,
    wait_for_all,
)
from training.random_state import random_state, restore_random_state

CHECKPOINT_FILE = "checkpoint.pt"
BATCHES_AHEAD = 2  # drawn by a thread while the encoder is busy
CHECKPOINT_STEPS = 500  # at the most this much is done again after a kill


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """How to optimise; ``layer_decay`` is the ratio of a layer's learning rate to that of the one above."""

    epochs: int
    lr: float = 1e-3
    weight_decay: float = 0.02
    warmup_epochs: float = 1.0
    clip_norm: float = 2.0
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
    """Aligns ``encoder`` to the vectors of ``data``; ``averaged`` is the running mean of its weights, which is kept.

    ``objective`` is called with unit vectors of the batch's clips, (N, D), and the batch, and returns the loss.
    """

    def __init__(
        self,
        encoder: AudioEncoder,
        data: TrainingData,
        objective: nn.Module,
        config: TrainerConfig,
        *,
        run_id: str,
    ) -> None:
        self.encoder = encoder.to(config.device)
        self.objective = objective.to(config.device)
        self.averaged = deepcopy(self.encoder).requires_grad_(False).eval()
        self.data, self.config, self.run_id = data, config, run_id
        self.epoch, self.step = 0, 0
        self._loss_of_clips, self._clips = 0.0, 0  # in this epoch, until now
        self._share = own_share()
        if data.batch_size < 2 * self._share.count:
            raise DataError(
                f"a batch of {data.batch_size} clips is too small for {self._share.count} processes: each needs two"
            )
        groups = parameter_groups(
            [*self.encoder.named_parameters(), *self.objective.named_parameters()],
            layer_decay=config.layer_decay,
            weight_decay=config.weight_decay,
        )
        self._on_cuda = config.device.startswith("cuda")
        self.optimiser = torch.optim.AdamW(groups, lr=config.lr, fused=self._on_cuda)

    def run(
        self,
        out: Path,
        *,
        evaluate: Callable[[AudioEncoder], dict[str, float]],
        on_epoch: Callable[[EpochReport], None],
        on_batch: Callable[[int, float], None],
        checkpoint_steps: int = CHECKPOINT_STEPS,
    ) -> None:
        """Train to the last epoch, writing a checkpoint to ``out`` after each and every ``checkpoint_steps`` steps."""
        while self.epoch < self.config.epochs:
            started, before = time.monotonic(), self._clips
            self._train_epoch(out / CHECKPOINT_FILE, on_batch, checkpoint_steps)
            seconds, clips = time.monotonic() - started, self._clips - before
            loss = self._loss_of_clips / max(self._clips, 1)
            self.epoch, self.step = self.epoch + 1, 0
            self._loss_of_clips, self._clips = 0.0, 0
            self.save(out / CHECKPOINT_FILE)
            if self._share.index == 0:
                on_epoch(
                    EpochReport(
                        epoch=self.epoch,
                        loss=loss,
                        seconds=seconds,
                        clips_per_second=clips / seconds,
                        figures=evaluate(self.averaged),
                    )
                )
            wait_for_all()

    def save(self, path: Path) -> None:
        """Write a checkpoint beside the old one, then replace it. Raises CheckpointError if it cannot be written."""
        draws = gather_objects(random_state(self.config.device))
        if self._share.index == 0:
            state = {
                "run_id": self.run_id,
                "config": self._settings(),
                "epoch": self.epoch,
                "step": self.step,
                "loss_of_clips": self._loss_of_clips,
                "clips": self._clips,
                "random": draws,
                "encoder": self.encoder.state_dict(),
                "averaged": self.averaged.state_dict(),
                "objective": self.objective.state_dict(),
                "optimiser": self.optimiser.state_dict(),
            }
            write_checkpoint(path, state)
        wait_for_all()

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint of the same run. Raises CheckpointError if it is of another, or broken."""
        state = read_checkpoint_of(path, run_id=self.run_id, config=self._settings())
        if len(state["random"]) != self._share.count:
            raise CheckpointError(
                f"{path} was written by {len(state['random'])} processes, and these are {self._share.count}; "
                "go on with as many, or choose another --out"
            )
        try:
            self.encoder.load_state_dict(state["encoder"])
        except RuntimeError as error:
            raise CheckpointError(
                f"{path} holds an audio encoder of another architecture; choose another --out, or delete it"
            ) from error
        self.averaged.load_state_dict(state["averaged"])
        self.objective.load_state_dict(state["objective"])
        for group in state["optimiser"]["param_groups"]:
            group["fused"] = self._on_cuda  # how to compute is this device's, not the one's that wrote it
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._loss_of_clips, self._clips = state["loss_of_clips"], state["clips"]
        if self.step:
            restore_random_state(state["random"][self._share.index], self.config.device)

    def _settings(self) -> dict:
        """Return what must be the same to go on; a run may move to another device."""
        settings = asdict(self.config)
        del settings["device"]
        return settings

    def _train_epoch(
        self, checkpoint: Path, on_batch: Callable[[int, float], None], checkpoint_steps: int
    ) -> None:
        if self.step == 0:
            self._seed()
        self.encoder.train()
        batches = self.data.batches(self.epoch, self._share, first=self.step)
        if self._on_cuda:
            batches = map(Batch.pinned, batches)
        for batch in ahead(batches, depth=BATCHES_AHEAD):
            for group in self.optimiser.param_groups:
                progress = self.epoch + self.step / self.data.steps
                group["lr"] = self.config.lr * group["rate"] * self._schedule(progress)
            loss = self.learn(batch)
            self.step += 1
            self._loss_of_clips += loss * len(batch.captions)
            self._clips += len(batch.captions)
            if self.step % checkpoint_steps == 0:
                self.save(checkpoint)
            on_batch(self._clips, loss)

    def _seed(self) -> None:
        # dropout and SpecAugment draw from these; in one process by seed and epoch alone
        other = f"/{self._share.index}" if self._share.index else ""
        random.seed(f"{self.config.seed}/{self.epoch}/augment{other}")
        torch.manual_seed(self.config.seed * 100_003 + self.epoch + 10**9 * self._share.index)

    def learn(self, batch: Batch) -> float:
        """Take one step on a batch, at the rates that the optimiser has, and return its loss.

        Raises DivergedError, with the weights as they were, where loss or gradient is not a number.
        """
        batch = batch.to(self.config.device)
        with mixed_precision(self.config.device):
            own = self.encoder(batch.waveforms)
        audio = gather_rows(unit(own), len(batch.captions))
        loss = self.objective(audio, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        sum_gradients(self.encoder.parameters())
        norm = nn.utils.clip_grad_norm_(self.encoder.parameters(), self.config.clip_norm)
        # the one place that waits for a GPU: what follows runs while the next batch is prepared
        loss_now, norm_now = torch.stack([loss.detach(), norm]).tolist()
        if not (math.isfinite(loss_now) and math.isfinite(norm_now)):
            raise DivergedError(
                f"the loss became {loss_now} and its gradient {norm_now} in step {self.step + 1} of epoch "
                f"{self.epoch + 1}; the last checkpoint stands. Lower the learning rate, or look for broken audio"
            )
        self.optimiser.step()
        average_statistics(self.encoder)
        average_into(self.averaged, self.encoder, decay=self.config.average_decay)
        return loss_now

    def _schedule(self, epoch: float) -> float:
        """Linear warm-up, then a cosine to zero."""
        warmup = min(self.config.warmup_epochs, self.config.epochs / 4)
        if epoch < warmup:
            return (epoch + 0.05) / (warmup + 0.05)
        return 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (self.config.epochs - warmup)))


def mixed_precision(device: str) -> torch.autocast:
    """Return the context to embed in: bfloat16 on a GPU, float32 on a CPU."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda")
