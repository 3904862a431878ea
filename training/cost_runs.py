"""The two trainings that ``training.cost`` compares, on the same draws of the same clips: one frozen, one not."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from model.audio_encoders import start_encoder
from model.encoder_presets import EncoderPreset
from model.images import load_image
from model.open_clip_loading import load_parts
from model.torch_directory import load_anchor
from training.ahead import ahead
from training.batch import WHOLE, Batch, Share
from training.captioned_clips import CaptionedClips
from training.contrast import Contrast, ContrastiveObjective
from training.text_vectors import TextVectors
from training.trainer import BATCHES_AHEAD, Trainer, TrainerConfig
from training.trimodal import TriModal, TriModalTrainer, Triple


@dataclass(frozen=True, kw_only=True)
class CostSetup:
    """What both trainings are given; ``pairs`` of a clip and a caption are seen, in whole batches."""

    data: tuple[Path, ...]
    anchor: str
    tag: str | None
    encoder: EncoderPreset
    weights: Path | None
    pairs: int
    batch_size: int
    device: str
    seed: int = 0

    @property
    def steps(self) -> int:
        """Batches in all."""
        return self.pairs // self.batch_size

    @property
    def trainer(self) -> TrainerConfig:
        """How both are optimised; the rate stays as it is, since cost does not depend on it."""
        return TrainerConfig(epochs=1, lr=1e-4, clip_norm=1.0, seed=self.seed, device=self.device)


class FrozenRun:
    """The paper's recipe: captions are embedded once, and only the audio encoder is trained."""

    def __init__(self, setup: CostSetup) -> None:
        self.anchor = load_anchor(setup.anchor, tag=setup.tag, device=setup.device)
        encoder = start_encoder(
            setup.encoder, embed_dim=self.anchor.dim, checkpoint=setup.weights, seed=setup.seed
        )
        self.clips = _clips(setup, encoder.sample_rate_hz)
        self._batches = CachedBatches(self.clips, setup.steps, torch.empty(0, self.anchor.dim))
        objective = ContrastiveObjective(Contrast(), self._batches.bank)
        self.trainer = Trainer(encoder, self._batches, objective, setup.trainer, run_id="cost")
        self.trainable = _trainable(encoder, objective)
        self.captions_s = 0.0

    def train(self) -> None:
        """Embed the captions and take the steps."""
        with tempfile.TemporaryDirectory(prefix="sonoglot-cost-") as cache:
            started = time.monotonic()
            self._batches.vectors = TextVectors(self.anchor, Path(cache))
            self._batches.vectors.add(self.clips.captions)
            self.captions_s = time.monotonic() - started
            self.trainer.encoder.train()
            for batch in ahead(self._batches.batches(0), depth=BATCHES_AHEAD):
                self.trainer.learn(batch)


class CachedBatches:
    """The draws of ``CaptionedClips`` as the trainer takes them: captions as the anchor's vectors."""

    vectors: TextVectors

    def __init__(self, clips: CaptionedClips, steps: int, bank: Tensor) -> None:
        self._clips, self.steps, self.bank = clips, steps, bank
        self.batch_size, self.clips = clips.batch_size, len(clips.entries)

    def batches(self, epoch: int, share: Share = WHOLE, *, first: int = 0) -> Iterator[Batch]:
        """Yield the batches from number ``first`` on; there is one epoch."""
        for number, drawn in enumerate(self._clips.batches(self.steps)):
            if number >= first:
                vectors = torch.from_numpy(self.vectors.rows(drawn.captions))
                yield Batch(waveforms=drawn.waveforms[share.of(len(vectors))], captions=vectors[:, None])


class TriModalRun:
    """Every tower is trained: text and pictures go through theirs in every step."""

    captions_s = 0.0  # nothing is embedded beforehand

    def __init__(self, setup: CostSetup) -> None:
        self._parts = load_parts(setup.anchor, setup.tag)
        encoder = start_encoder(
            setup.encoder, embed_dim=self._parts.dim, checkpoint=setup.weights, seed=setup.seed
        )
        self.clips = _clips(setup, encoder.sample_rate_hz)
        self._steps = setup.steps
        self.trainer = TriModalTrainer(TriModal(encoder, self._parts), setup.trainer)
        self.trainable = _trainable(self.trainer.model)

    def train(self) -> None:
        """Take the steps."""
        for triple in ahead(self._triples(), depth=BATCHES_AHEAD):
            self.trainer.learn(triple)

    def _triples(self) -> Iterator[Triple]:
        size = self._parts.image_settings.size
        blank = Image.new("RGB", (size, size) if isinstance(size, int) else (size[1], size[0]))
        for drawn in self.clips.batches(self._steps):
            pictures = [load_image(path) if path else blank for path in drawn.pictures]
            yield Triple(
                waveforms=drawn.waveforms,
                tokens=self._parts.tokenizer(list(drawn.captions)),
                pixels=torch.stack([self._parts.prepare_image(picture) for picture in pictures]),
            )


def _clips(setup: CostSetup, sample_rate_hz: int) -> CaptionedClips:
    return CaptionedClips(
        setup.data,
        sample_rate_hz=sample_rate_hz,
        window_s=setup.encoder.window_s,
        batch_size=setup.batch_size,
        seed=setup.seed,
    )


def _trainable(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)
