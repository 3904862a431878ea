"""A process that trains the tiny encoder and kills itself, or is one of several that torchrun starts.

    python -m tests.training.training_process OUT EPOCHS [--die-at STEP]

Writes the weights it ended with to OUT/weights.pt.
"""

import argparse
import os
import signal
from pathlib import Path

import torch

from tests.training.tiny import Spectrum, tones
from training.contrast import Contrast, ContrastiveObjective
from training.processes import joined, own_share
from training.trainer import CHECKPOINT_FILE, Trainer, TrainerConfig

CONTRAST = Contrast(bank_negatives=True, captions_per_clip=2)


def make_trainer(epochs: int, *, dropout: float, norm: bool = False) -> Trainer:
    torch.manual_seed(0)
    data = tones(seconds=10.0, batch_size=4, captions_per_clip=2, graded=False)
    objective = ContrastiveObjective(CONTRAST, data.bank)
    encoder = Spectrum(dropout=dropout, norm=norm)
    return Trainer(encoder, data, objective, TrainerConfig(epochs=epochs, lr=1e-2), run_id="tiny")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("out", type=Path)
    arguments.add_argument("epochs", type=int)
    arguments.add_argument("--die-at", type=int, default=-1)
    arguments.add_argument("--dropout", type=float, default=0.1)
    arguments.add_argument("--checkpoint-steps", type=int, default=2)
    arguments.add_argument("--norm", action="store_true")
    given = arguments.parse_args()
    with joined("cpu"):
        trainer = make_trainer(given.epochs, dropout=given.dropout, norm=given.norm)
        if (given.out / CHECKPOINT_FILE).exists():
            trainer.resume(given.out / CHECKPOINT_FILE)
        steps = 0

        def on_batch(*_: float) -> None:
            nonlocal steps
            steps += 1
            if steps == given.die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        trainer.run(
            given.out,
            evaluate=lambda _: {},
            on_epoch=lambda _: None,
            on_batch=on_batch,
            checkpoint_steps=given.checkpoint_steps,
        )
        if own_share().index == 0:
            state = {f"averaged.{key}": value for key, value in trainer.averaged.state_dict().items()}
            state |= {f"encoder.{key}": value for key, value in trainer.encoder.state_dict().items()}
            state |= dict(trainer.objective.state_dict())
            torch.save(state, given.out / "weights.pt")


if __name__ == "__main__":
    main()
