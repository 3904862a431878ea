"""Recipes: functions from manifests to a model directory. A variant is another function, not another option.

compact    the committed default: the compact anchor as it is shipped, and the compact audio encoder, whose ears are
           aligned to people's captions and tags, mixtures included (``training.ears``)
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from model.audio_encoder import AudioEncoder
from model.compact_anchor import CompactAnchor
from model.compact_audio_encoder import EARS, CompactAudioEncoder
from model.directory import (
    ANCHOR_PREFIX,
    DEFAULT_MODEL_DIR,
    ModelConfig,
    fingerprint_of,
    load_model,
    load_tensors,
    save_model,
)
from model.quantised import pack, unpack
from model.retrieval_model import embed_windows
from model.trained_ear import CompactAudioConfig
from training.audio_data import FULL_SCALE, load_waveforms
from training.captions import clip_texts
from training.card import model_card
from training.ears import EarData, align_ear, start_ear
from training.errors import DataError
from training.evaluation import class_name, evaluate
from training.manifest import ManifestEntry, read_manifests
from training.metrics import ClipVectors, rank_clips, rank_texts
from training.progress import Progress
from training.runs import run_id, tensors_hash
from training.text_vectors import TextVectors
from training.trainer import TrainerConfig

COMPACT_EPOCHS = 20
COMPACT_LR = 1e-3
DESCRIBED_EARS = 2  # so many of the ears, the last, are aligned only on what people described
VALIDATION_BATCH = 32
CONCEPT_ENTRIES = "text.concepts.entries"


def compact(
    data: Sequence[Path],
    out: Path,
    *,
    epochs: int = COMPACT_EPOCHS,
    seed: int = 0,
    device: str = "cpu",
    anchor_file: Path | None = None,
    only_ear: int | None = None,
    command: str,
    progress: Progress,
) -> dict:
    """Train the compact model on manifests and write a model directory to ``out``; return its figures.

    The anchor is the shipped one, or one that ``sonoglot train text-head`` wrote.
    Clips of split ``train`` (or with none) are trained on, of ``val`` watched and reported; ``test`` is never read.
    A run that was stopped goes on where its last epoch ended when it is started again with the same arguments.
    With ``only_ear`` (from 1) that ear is aligned and nothing is written but its checkpoint, so that the ears
    can be trained side by side; the same run without it then joins them.
    """
    if only_ear is not None and only_ear > EARS:
        raise DataError(f"there is no ear {only_ear}; there are {EARS}")
    train, val = _split(data)
    # as it is stored, so that a run from the shipped model finds the captions where this one does
    anchor_tensors = unpack(pack(load_file(anchor_file))) if anchor_file else shipped_anchor()
    caption_tensors = without_concepts(anchor_tensors)
    caption_hash = tensors_hash(caption_tensors)
    ears = _ear_data(train, CompactAnchor(caption_tensors, fingerprint=caption_hash), out, progress)
    encoder = CompactAudioEncoder(ears.config)
    watch = validation(val, ears.vectors, ears.config.sample_rate_hz)
    run = run_id(train, caption_hash)
    settings = TrainerConfig(epochs=epochs, lr=COMPACT_LR, seed=seed, device=device)
    for number in range(EARS) if only_ear is None else [only_ear - 1]:
        folder = out / f"ear-{number + 1}"
        of_ear = replace(settings, seed=seed + number)
        heard = ears.described() if number >= EARS - DESCRIBED_EARS else ears
        start = start_ear(ears.config, seed=of_ear.seed)
        weights = align_ear(start, heard, folder, of_ear, run=run, evaluate=watch, progress=progress)
        encoder.ears[number].load_state_dict(weights)
    if only_ear is not None:
        return {}
    return _finish(out, settings, anchor_tensors, encoder, train, val, command, progress)


def _split(data: Sequence[Path]) -> tuple[list[ManifestEntry], list[ManifestEntry]]:
    """Return the clips to train on and the labelled ones to watch."""
    entries = read_manifests(data)
    train = [entry for entry in entries if entry.split in (None, "train")]
    if not train:
        raise DataError("the manifests hold no clips to train on (split 'train', or none)")
    return train, [entry for entry in entries if entry.split == "val" and entry.label]


def _ear_data(
    train: Sequence[ManifestEntry], anchor: CompactAnchor, out: Path, progress: Progress
) -> EarData:
    """Embed what the clips may be called, and decode them; what cannot be read is said and left out."""
    progress.on_stage(f"embedding captions with the {anchor.name} anchor")
    vectors = TextVectors(anchor, out / "cache")
    texts = clip_texts(train, vectors)
    config = CompactAudioConfig(embed_dim=anchor.dim)
    progress.on_stage(f"decoding {len(train)} clips")
    waveforms, failed = load_waveforms(
        [entry.audio for entry in train], sample_rate_hz=config.sample_rate_hz, on_progress=lambda _: None
    )
    for path, reason in failed.items():
        progress.on_stage(f"left out {path}: {reason}")
    return EarData(entries=train, waveforms=waveforms, texts=texts, vectors=vectors, config=config)


def without_concepts(anchor: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return an anchor whose memory is empty: what captions are embedded with.

    Concepts draw a query of any language to English; captions are English, and are better told apart without them.
    """
    return anchor | {CONCEPT_ENTRIES: anchor[CONCEPT_ENTRIES][:0]}


def shipped_anchor() -> dict[str, torch.Tensor]:
    """Return the anchor of the committed default."""
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


def _finish(
    out: Path,
    settings: TrainerConfig,
    anchor: dict[str, torch.Tensor],
    encoder: CompactAudioEncoder,
    train: list[ManifestEntry],
    val: list[ManifestEntry],
    command: str,
    progress: Progress,
) -> dict:
    """Write the model directory, then measure what was written and put the figures on its card."""
    model_config = ModelConfig(name="sonoglot-compact", audio_encoder=encoder.config)
    save_model(out, config=model_config, anchor=anchor, audio=encoder.state_dict(), card="")
    figures = {}
    if val:
        progress.on_stage("measuring the written model on the validation clips")
        figures = evaluate(load_model(out), val, [], on_progress=lambda _: None)
    card = model_card(
        train=train,
        val=val,
        figures=figures,
        command=command,
        config=asdict(settings),
        fingerprint=fingerprint_of(out),
        concepts=len(anchor[CONCEPT_ENTRIES]),
    )
    (out / "README.md").write_text(card, "utf-8")
    return figures


def _first_window(waveform: NDArray[np.int16], samples: int) -> NDArray[np.float32]:
    audio = waveform[:samples].astype(np.float32) / np.float32(FULL_SCALE)
    return np.pad(audio, (0, samples - len(audio)))


def _embed(encoder: AudioEncoder, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    starts = range(0, len(windows), VALIDATION_BATCH)
    return np.concatenate([embed_windows(encoder, windows[i : i + VALIDATION_BATCH]) for i in starts])
