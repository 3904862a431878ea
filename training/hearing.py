"""Learning to hear: before any caption, an audio encoder learns to reproduce what a large tagger hears.

Captions of a few hundred sounds teach words, not ears. A tagger trained on two million clips labels any sound, so its
knowledge is distilled on endlessly varied cuts and mixtures of the training clips, each labelled afresh as the
student gets it ("a good teacher is patient and consistent", Beyer et al. 2022, arXiv 2106.05237).
No caption, label or anchor is involved, so what was heard serves every later alignment.
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from model.trained_ear import FEATURES, TrainedEar
from training.audio_data import mixture, random_cut, random_gain, random_speed, seconds_to_hear
from training.averaging import average_into
from training.checkpoint import read_checkpoint_of, write_checkpoint
from training.tagger import CLASSES, SAMPLE_RATE_HZ, Tagger

CHECKPOINT_FILE = "hearing.pt"
OUTPUTS = 2 * CLASSES  # mean and maximum over time


@dataclass(frozen=True, kw_only=True)
class HearingConfig:
    """How to distil. An epoch is ``steps`` batches."""

    epochs: int
    steps: int = 100
    batch_size: int = 32
    crop_s: float = 4.5
    mixture_share: float = 0.5
    lr: float = 1e-3
    weight_decay: float = 0.02
    clip_norm: float = 2.0
    average_decay: float = 0.995
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class HearingReport:
    """What one epoch came to."""

    epoch: int
    epochs: int
    loss: float
    seconds: float


class Hearing:
    """Trains ``encoder``'s network under a head that predicts the tagger's logits; ``averaged`` is what is kept."""

    def __init__(
        self,
        encoder: TrainedEar,
        waveforms: Sequence[NDArray[np.int16]],
        tagger: Tagger,
        config: HearingConfig,
        *,
        run_id: str,
    ) -> None:
        self.encoder = encoder.to(config.device)
        self.tagger, self.config, self.run_id = tagger, config, run_id
        self.waveforms = [wave for wave in waveforms if len(wave)]
        self._bounds = seconds_to_hear(self.waveforms, SAMPLE_RATE_HZ)
        self.head = nn.Linear(FEATURES, OUTPUTS).to(config.device)
        self.averaged = deepcopy(self.encoder).requires_grad_(False).eval()
        self.mean, self.deviation = torch.zeros(OUTPUTS), torch.ones(OUTPUTS)  # of the targets, see ``run``
        self.epoch = 0
        self.optimiser = torch.optim.AdamW(
            [*self.encoder.network.parameters(), *self.head.parameters()],
            lr=config.lr,
            weight_decay=config.weight_decay,
        )

    def run(self, out: Path, *, on_epoch: Callable[[HearingReport], None]) -> None:
        """Distil to the last epoch; a checkpoint in ``out`` after each, where a run that was stopped goes on."""
        path = out / CHECKPOINT_FILE
        if path.exists():
            self._resume(path)
        else:
            self.mean, self.deviation = self._scale_of_targets()
        while self.epoch < self.config.epochs:
            started = time.monotonic()
            loss = self._train_epoch()
            self.epoch += 1
            write_checkpoint(path, self._state())
            seconds = time.monotonic() - started
            on_epoch(HearingReport(epoch=self.epoch, epochs=self.config.epochs, loss=loss, seconds=seconds))

    def heard(self) -> TrainedEar:
        """Return a trainable encoder with the averaged weights."""
        self.encoder.load_state_dict(self.averaged.state_dict())
        return self.encoder

    def _train_epoch(self) -> float:
        config = self.config
        rng = random.Random(f"{config.seed}/{self.epoch}/hearing")
        random.seed(f"{config.seed}/{self.epoch}/hearing-augment")
        torch.manual_seed(config.seed * 100_003 + self.epoch)
        self.encoder.train()
        total = 0.0
        for step in range(config.steps):
            done = (self.epoch * config.steps + step) / (config.epochs * config.steps)
            for group in self.optimiser.param_groups:
                group["lr"] = config.lr * _schedule(done)
            total += self._step(np.stack([self._item(rng) for _ in range(config.batch_size)]))
        return total / config.steps

    def _step(self, waveforms: NDArray[np.float32]) -> float:
        wanted = (torch.from_numpy(self.tagger.hear(waveforms)) - self.mean) / self.deviation
        device = self.config.device
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            heard = self.head(self.encoder.features(torch.from_numpy(waveforms).to(device)))
        loss = F.smooth_l1_loss(heard.float(), wanted.to(device))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.encoder.parameters(), self.config.clip_norm)
        self.optimiser.step()
        average_into(self.averaged, self.encoder, decay=self.config.average_decay)
        return loss.item()

    def _item(self, rng: random.Random) -> NDArray[np.float32]:
        samples = round(self.config.crop_s * SAMPLE_RATE_HZ)
        first = random_gain(random_speed(self._draw(rng), samples, rng), rng)
        if rng.random() >= self.config.mixture_share:
            return first
        return mixture(first, random_speed(self._draw(rng), samples, rng), rng)

    def _draw(self, rng: random.Random) -> NDArray[np.int16]:
        return rng.choices(self.waveforms, cum_weights=self._bounds)[0]

    def _scale_of_targets(self) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of each logit over the clips as they are: rare classes then weigh as much."""
        rng = random.Random(f"{self.config.seed}/scale")
        samples = round(self.config.crop_s * SAMPLE_RATE_HZ)
        cuts = (random_cut(wave, samples, rng)[None] for wave in self.waveforms)
        logits = torch.from_numpy(np.concatenate([self.tagger.hear(cut) for cut in cuts]))
        return logits.mean(0), logits.std(0).clamp(min=0.1)

    def _state(self) -> dict:
        return {
            "run_id": self.run_id,
            "config": asdict(self.config),
            "epoch": self.epoch,
            "encoder": self.encoder.state_dict(),
            "averaged": self.averaged.state_dict(),
            "head": self.head.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "mean": self.mean,
            "deviation": self.deviation,
        }

    def _resume(self, path: Path) -> None:
        state = read_checkpoint_of(path, run_id=self.run_id, config=asdict(self.config))
        self.encoder.load_state_dict(state["encoder"])
        self.averaged.load_state_dict(state["averaged"])
        self.head.load_state_dict(state["head"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.mean, self.deviation = state["mean"], state["deviation"]
        self.epoch = state["epoch"]


def _schedule(done: float) -> float:
    """A short linear warm-up, then a cosine to zero; ``done`` is the share of the run."""
    return min(1.0, done / 0.03 + 0.02) * 0.5 * (1 + math.cos(math.pi * done))
