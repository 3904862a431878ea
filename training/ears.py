"""How the ears of the compact audio encoder are made: each is started, trained and aligned apart from the others.

All start from ImageNet weights and draw their batches differently; some hear all clips, some only what people
described. That they differ is the point: what one of them mistakes, the mean gets right (decisions/0005).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.audio_encoder import AudioEncoder
from model.imagenet import start_from_imagenet
from model.trained_ear import CompactAudioConfig, TrainedEar
from training.captions import ClipText
from training.dataset import AlignmentData, DrawChoices
from training.manifest import ManifestEntry
from training.progress import Progress
from training.text_vectors import TextVectors
from training.trainer import CHECKPOINT_FILE, Trainer, TrainerConfig

DRAW = DrawChoices(batch_size=32, mixture_share=0.3, machine_share=0.3, lengths_s=(2.5, 3.5, 4.0, 4.5))
MIXTURES = 3_000


@dataclass(frozen=True, kw_only=True)
class EarData:
    """What every ear is trained on: decoded clips, what they may be called, and where their texts lie."""

    entries: Sequence[ManifestEntry]
    waveforms: Sequence[NDArray[np.int16]]
    texts: Sequence[ClipText]
    vectors: TextVectors
    config: CompactAudioConfig

    def described(self) -> "EarData":
        """Return the clips of which a person said what they are, by a caption or a label; all if there are none."""
        rows = range(len(self.entries))
        kept = [row for row in rows if self.entries[row].captions or self.entries[row].label] or rows
        return replace(
            self,
            entries=[self.entries[row] for row in kept],
            waveforms=[self.waveforms[row] for row in kept],
            texts=[self.texts[row] for row in kept],
        )

    def aligned(self, seed: int) -> AlignmentData:
        """Return the batches of an ear; mixtures and order depend on the seed."""
        return AlignmentData(
            self.waveforms,
            self.texts,
            self.vectors,
            sample_rate_hz=self.config.sample_rate_hz,
            choices=DRAW,
            mixtures=MIXTURES,
            seed=seed,
        )


def start_ear(config: CompactAudioConfig, *, seed: int) -> TrainedEar:
    """Return the ear that alignment starts from."""
    torch.manual_seed(seed)
    ear = TrainedEar(config)
    start_from_imagenet(ear.network)
    return ear


def align_ear(
    ear: TrainedEar,
    data: EarData,
    out: Path,
    config: TrainerConfig,
    *,
    run: str,
    evaluate: Callable[[AudioEncoder], dict[str, float]],
    progress: Progress,
) -> dict[str, Tensor]:
    """Align an ear and return its averaged weights; its checkpoint is in ``out``, and resumed from there."""
    trainer = Trainer(ear, data.aligned(config.seed), config, run_id=run)
    if (out / CHECKPOINT_FILE).exists():
        trainer.resume(out / CHECKPOINT_FILE)
        progress.on_stage(f"resuming after epoch {trainer.epoch}")
    progress.on_stage(f"training {out.name} on {len(trainer.data.texts)} clips for {config.epochs} epochs")
    out.mkdir(parents=True, exist_ok=True)
    trainer.run(out, evaluate=evaluate, on_epoch=progress.on_epoch, on_batch=progress.on_batch)
    return trainer.averaged.state_dict()
