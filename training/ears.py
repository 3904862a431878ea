"""How the ears of the compact audio encoder are made: each is started, trained and aligned apart from the others.

The first trained ear learns to hear from a tagger before it is aligned; the second goes from ImageNet weights to
captions at once, with other draws. That they differ is the point: what one of them mistakes, the mean gets right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.audio_encoder import AudioEncoder
from model.compact_audio_encoder import EffectsEar
from model.imagenet import start_from_imagenet
from model.trained_ear import CompactAudioConfig, TrainedEar
from training.captions import ClipText
from training.dataset import AlignmentData, DrawChoices
from training.effects_ear import EffectsEarConfig, align_effects_ear, hear_cuts
from training.hearing import Hearing, HearingConfig
from training.manifest import ManifestEntry
from training.progress import Progress
from training.runs import run_id
from training.tagger import Tagger
from training.text_vectors import TextVectors
from training.trainer import CHECKPOINT_FILE, Trainer, TrainerConfig

HEARING_EPOCHS = 16
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


def start_ear(
    data: EarData, out: Path, *, tagger: Path | None, seed: int, device: str, progress: Progress
) -> TrainedEar:
    """Return the ear that alignment starts from: one that has learned to hear if there is a tagger."""
    torch.manual_seed(seed)
    ear = TrainedEar(data.config)
    start_from_imagenet(ear.network)
    if tagger is None:
        return ear
    uncaptioned = [replace(entry, captions=(), label=None, tags=()) for entry in data.entries]
    hearing = Hearing(
        ear,
        data.waveforms,
        Tagger(tagger),
        HearingConfig(epochs=HEARING_EPOCHS, seed=seed, device=device),
        run_id=run_id(uncaptioned, "hearing"),
    )
    progress.on_stage(f"learning to hear from {tagger.name} for {HEARING_EPOCHS} epochs")
    hearing.run(out, on_epoch=progress.on_hearing)
    return hearing.heard()


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
    """Align a trained ear and return its averaged weights; its checkpoint is in ``out``, and resumed from there."""
    trainer = Trainer(ear, data.aligned(config.seed), config, run_id=run)
    if (out / CHECKPOINT_FILE).exists():
        trainer.resume(out / CHECKPOINT_FILE)
        progress.on_stage(f"resuming after epoch {trainer.epoch}")
    progress.on_stage(f"training {out.name} on {len(trainer.data.texts)} clips for {config.epochs} epochs")
    out.mkdir(parents=True, exist_ok=True)
    trainer.run(out, evaluate=evaluate, on_epoch=progress.on_epoch, on_batch=progress.on_batch)
    return trainer.averaged.state_dict()


def effects_ear(
    weights: dict[str, Tensor], data: EarData, cache: Path, *, seed: int, progress: Progress
) -> EffectsEar:
    """Return the effects ear with the network's ``weights``, aligned."""
    torch.manual_seed(seed)
    ear = EffectsEar(data.config.embed_dim)
    ear.network.load_state_dict(weights)
    aligned = data.aligned(seed)
    progress.on_stage(f"hearing cuts of {len(aligned.texts)} clips with the effects ear")
    cuts = hear_cuts(
        ear.network,
        aligned.waveforms,
        cache,
        seed=seed,
        on_clip=lambda done: progress.on_batch(done, 0.0),
    )
    progress.on_stage("aligning the effects ear")
    align_effects_ear(ear, cuts, aligned, EffectsEarConfig(seed=seed), on_step=lambda *_: None)
    return ear
