"""Recipes: functions from manifests to a model directory. A variant is another function, not another option.

compact    the committed default: the compact anchor as it is shipped, and the compact audio encoder, which starts from
           ImageNet weights, learns to hear from a tagger, and is then aligned to people's captions and tags,
           mixtures included
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from model.audio_encoder import AudioEncoder
from model.compact_anchor import CompactAnchor
from model.compact_audio_encoder import CompactAudioConfig, CompactAudioEncoder
from model.directory import (
    ANCHOR_PREFIX,
    DEFAULT_MODEL_DIR,
    ModelConfig,
    fingerprint_of,
    load_model,
    load_tensors,
    save_model,
)
from model.imagenet import start_from_imagenet
from model.retrieval_model import embed_windows
from training.audio_data import FULL_SCALE, load_waveforms
from training.captions import clip_texts
from training.card import model_card
from training.dataset import AlignmentData, DrawChoices
from training.errors import DataError
from training.evaluation import class_name, evaluate
from training.hearing import Hearing, HearingConfig, HearingReport
from training.manifest import ManifestEntry, read_manifests
from training.metrics import ClipVectors, rank_clips, rank_texts
from training.tagger import Tagger
from training.text_vectors import TextVectors
from training.trainer import CHECKPOINT_FILE, EpochReport, Trainer, TrainerConfig

HEARING_EPOCHS = 16
COMPACT_EPOCHS = 15  # 25 at 1e-3: English a little better, others worse (docs/evaluation.md)
COMPACT_LR = 7e-4
COMPACT_DRAW = DrawChoices(
    batch_size=32, mixture_share=0.3, machine_share=0.3, lengths_s=(2.5, 3.5, 4.0, 4.5)
)
COMPACT_MIXTURES = 3_000
VALIDATION_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a recipe reports to: stages, batches (clips done, loss), epochs of either training."""

    on_stage: Callable[[str], None]
    on_batch: Callable[[int, float], None]
    on_hearing: Callable[[HearingReport], None]
    on_epoch: Callable[[EpochReport], None]


def compact(
    data: Sequence[Path],
    out: Path,
    *,
    epochs: int = COMPACT_EPOCHS,
    seed: int = 0,
    device: str = "cpu",
    anchor_file: Path | None = None,
    tagger: Path | None = None,
    command: str,
    progress: Progress,
) -> dict:
    """Train the compact model on manifests and write a model directory to ``out``; return its figures.

    The anchor is the shipped one, or one that ``sonoglot train text-head`` wrote. ``tagger`` is YAMNet's TFLite
    file, which the encoder learns to hear from; without it, alignment starts from ImageNet weights, and what comes
    out is weaker.
    Clips of split ``train`` (or with none) are trained on, of ``val`` watched and reported; ``test`` is never read.
    A run that was stopped goes on where its last epoch ended when it is started again with the same arguments.
    """
    entries = read_manifests(data)
    train = [entry for entry in entries if entry.split in (None, "train")]
    val = [entry for entry in entries if entry.split == "val" and entry.label]
    if not train:
        raise DataError("the manifests hold no clips to train on (split 'train', or none)")
    anchor_tensors = load_file(anchor_file) if anchor_file else shipped_anchor()
    anchor_hash = tensors_hash(anchor_tensors)
    anchor = CompactAnchor(anchor_tensors, fingerprint=anchor_hash)
    progress.on_stage(f"embedding captions with the {anchor.name} anchor")
    vectors = TextVectors(anchor, out / "cache")
    texts = clip_texts(train, vectors)
    config = CompactAudioConfig(embed_dim=anchor.dim)
    progress.on_stage(f"decoding {len(train) + len(val)} clips")
    rate = config.sample_rate_hz
    waveforms, failed = load_waveforms(
        [e.audio for e in train], sample_rate_hz=rate, on_progress=lambda _: None
    )
    for path, reason in failed.items():
        progress.on_stage(f"left out {path}: {reason}")
    aligned = AlignmentData(
        waveforms,
        texts,
        vectors,
        sample_rate_hz=rate,
        choices=COMPACT_DRAW,
        mixtures=COMPACT_MIXTURES,
        seed=seed,
    )
    encoder = _start(
        config, waveforms, out, tagger=tagger, seed=seed, device=device, train=train, progress=progress
    )
    trainer = Trainer(
        encoder,
        aligned,
        TrainerConfig(epochs=epochs, lr=COMPACT_LR, seed=seed, device=device),
        run_id=run_id(train, anchor_hash),
    )
    if (out / CHECKPOINT_FILE).exists():
        trainer.resume(out / CHECKPOINT_FILE)
        progress.on_stage(f"resuming after epoch {trainer.epoch}")
    progress.on_stage(f"training on {len(aligned.texts)} clips for {epochs} epochs")
    trainer.run(
        out, evaluate=validation(val, vectors, rate), on_epoch=progress.on_epoch, on_batch=progress.on_batch
    )
    return _finish(
        out, trainer, anchor_tensors, config, train, val, command, progress, tagger=tagger is not None
    )


def _start(
    config: CompactAudioConfig,
    waveforms: Sequence[NDArray[np.int16]],
    out: Path,
    *,
    tagger: Path | None,
    seed: int,
    device: str,
    train: list[ManifestEntry],
    progress: Progress,
) -> CompactAudioEncoder:
    """Return the encoder that alignment starts from: one that has learned to hear if there is a tagger."""
    torch.manual_seed(seed)
    encoder = CompactAudioEncoder(config)
    start_from_imagenet(encoder.network)
    if tagger is None:
        return encoder
    hearing = Hearing(
        encoder,
        waveforms,
        Tagger(tagger),
        HearingConfig(epochs=HEARING_EPOCHS, seed=seed, device=device),
        run_id=run_id([replace(entry, captions=(), label=None, tags=()) for entry in train], "hearing"),
    )
    progress.on_stage(f"learning to hear from {tagger.name} for {HEARING_EPOCHS} epochs")
    hearing.run(out, on_epoch=progress.on_hearing)
    return hearing.heard()


def shipped_anchor() -> dict[str, torch.Tensor]:
    """Return the tensors of the committed default's anchor."""
    tensors = load_tensors(DEFAULT_MODEL_DIR)
    return {k.removeprefix(ANCHOR_PREFIX): t for k, t in tensors.items() if k.startswith(ANCHOR_PREFIX)}


def validation(
    entries: Sequence[ManifestEntry], vectors: TextVectors, rate: int
) -> Callable[[AudioEncoder], dict[str, float]]:
    """Return a function that gives class-name mAP and accuracy on the first five seconds of labelled clips."""
    if not entries:
        return lambda _: {}
    waveforms, _ = load_waveforms([e.audio for e in entries], sample_rate_hz=rate, on_progress=lambda _: None)
    usable = [row for row, wave in enumerate(waveforms) if len(wave)]
    windows = np.stack([_first_window(waveforms[row], 5 * rate) for row in usable])
    labels = sorted({entries[row].label or "" for row in usable})
    names = [class_name(label) for label in labels]
    vectors.add(names)
    own = np.array([labels.index(entries[row].label or "") for row in usable])
    right = [np.flatnonzero(own == row) for row in range(len(labels))]

    def figures(encoder: AudioEncoder) -> dict[str, float]:
        clips = ClipVectors(_embed(encoder, windows), np.arange(len(windows)))
        texts = vectors.rows(names)
        return {
            "class_map": float(rank_clips(texts, clips, right).average_precision.mean()),
            "zero_shot_accuracy": rank_texts(clips, texts, [np.array([o]) for o in own]).recall_at(1),
        }

    return figures


def run_id(entries: Sequence[ManifestEntry], anchor_hash: str) -> str:
    """Identify what a run is trained on, so that a checkpoint is only resumed by the same run."""
    digest = hashlib.sha256(anchor_hash.encode())
    for entry in entries:
        fields = asdict(entry) | {"audio": entry.audio.name, "image": None}
        digest.update(json.dumps(fields, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def tensors_hash(tensors: dict[str, torch.Tensor]) -> str:
    """Hash tensors with their names."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].contiguous().numpy().tobytes())
    return digest.hexdigest()


def _finish(
    out: Path,
    trainer: Trainer,
    anchor: dict[str, torch.Tensor],
    config: CompactAudioConfig,
    train: list[ManifestEntry],
    val: list[ManifestEntry],
    command: str,
    progress: Progress,
    *,
    tagger: bool,
) -> dict:
    """Write the model directory, then measure what was written and put the figures on its card."""
    model_config = ModelConfig(name="sonoglot-compact", audio_encoder=config)
    weights = trainer.averaged.state_dict()
    save_model(out, config=model_config, anchor=anchor, audio=weights, card="")
    figures = {}
    if val:
        progress.on_stage("measuring the written model on the validation clips")
        figures = evaluate(load_model(out), val, [], on_progress=lambda _: None)
    card = model_card(
        train=train,
        val=val,
        figures=figures,
        command=command,
        config=asdict(trainer.config),
        fingerprint=fingerprint_of(out),
        tagger=tagger,
    )
    (out / "README.md").write_text(card, "utf-8")
    return figures


def _first_window(waveform: NDArray[np.int16], samples: int) -> NDArray[np.float32]:
    audio = waveform[:samples].astype(np.float32) / np.float32(FULL_SCALE)
    return np.pad(audio, (0, samples - len(audio)))


def _embed(encoder: AudioEncoder, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    starts = range(0, len(windows), VALIDATION_BATCH)
    return np.concatenate([embed_windows(encoder, windows[i : i + VALIDATION_BATCH]) for i in starts])
