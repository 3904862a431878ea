"""What every recipe begins with: the clips of its manifests, decoded, and what they may be called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.anchor import Anchor
from model.audio_encoder import AudioEncoder
from model.torch_model import embed_windows
from training.audio_data import FULL_SCALE, load_waveforms
from training.captions import ClipText, clip_texts
from training.dataset import AlignmentData, DrawChoices
from training.errors import DataError
from training.manifest import ManifestEntry, read_manifests
from training.metrics import ClipVectors
from training.progress import Progress
from training.ranking import class_name, label_keys, labels_of, rank_both_ways
from training.text_vectors import TextVectors

VALIDATION_BATCH = 32
VALIDATION_S = 5


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Decoded clips, what they may be called, and where their texts lie."""

    entries: Sequence[ManifestEntry]
    waveforms: Sequence[NDArray[np.int16]]
    texts: Sequence[ClipText]
    vectors: TextVectors
    sample_rate_hz: int

    def described(self) -> "Clips":
        """Return the clips of which a person said what they are, by a caption or a label; all if there are none.

        A label alone is no text to learn from: such a clip counts if it has tags.
        """
        rows = range(len(self.entries))
        kept = [row for row in rows if self._is_described(row)] or rows
        return replace(
            self,
            entries=[self.entries[row] for row in kept],
            waveforms=[self.waveforms[row] for row in kept],
            texts=[self.texts[row] for row in kept],
        )

    def _is_described(self, row: int) -> bool:
        entry, text = self.entries[row], self.texts[row]
        return bool(text.captions or (entry.label and text.tags)) and len(self.waveforms[row]) > 0

    def batches(self, choices: DrawChoices, *, mixtures: int, seed: int) -> AlignmentData:
        """Return batches to align an encoder with; mixtures and order depend on the seed."""
        return AlignmentData(
            self.waveforms,
            self.texts,
            self.vectors,
            sample_rate_hz=self.sample_rate_hz,
            choices=choices,
            mixtures=mixtures,
            seed=seed,
        )


def split_entries(data: Sequence[Path]) -> tuple[list[ManifestEntry], list[ManifestEntry]]:
    """Return the clips to train on (of split ``train``, or none), and those to watch. Raises DataError."""
    entries = read_manifests(data)
    train = [entry for entry in entries if entry.split in (None, "train")]
    if not train:
        raise DataError("the manifests hold no clips to train on (split 'train', or none)")
    return train, watchable(entries)


def watchable(entries: Sequence[ManifestEntry]) -> list[ManifestEntry]:
    """Return the clips of split ``val`` by which a training can be judged: with a label or a caption."""
    return [entry for entry in entries if entry.split == "val" and (entry.label or entry.captions)]


def prepare(
    train: Sequence[ManifestEntry], anchor: Anchor, cache: Path, *, sample_rate_hz: int, progress: Progress
) -> Clips:
    """Embed what the clips may be called, and decode them; what cannot be read is said and left out."""
    progress.on_stage(f"embedding captions with the {anchor.name} anchor")
    vectors = TextVectors(anchor, cache)
    texts = clip_texts(train, vectors)
    waveforms = decoded(train, sample_rate_hz=sample_rate_hz, progress=progress)
    return Clips(
        entries=train, waveforms=waveforms, texts=texts, vectors=vectors, sample_rate_hz=sample_rate_hz
    )


def decoded(
    entries: Sequence[ManifestEntry], *, sample_rate_hz: int, progress: Progress
) -> list[NDArray[np.int16]]:
    """Decode clips into memory; what cannot be read is said, and empty. Raises DataError if none can be."""
    progress.on_stage(f"decoding {len(entries)} clips")
    waveforms, failed = load_waveforms(
        [entry.audio for entry in entries], sample_rate_hz=sample_rate_hz, on_progress=lambda _: None
    )
    for path, reason in failed.items():
        progress.on_stage(f"left out {path}: {reason}")
    return waveforms


def validation(
    entries: Sequence[ManifestEntry], vectors: TextVectors, rate: int, *, seconds: float = VALIDATION_S
) -> Callable[[AudioEncoder], dict[str, float]]:
    """Return a function that judges an encoder by the first ``seconds`` of clips.

    Where clips have labels: class-name mAP and accuracy over those. Else R@1 and R@10 of their captions.
    """
    labelled = [entry for entry in entries if entry.label]
    entries = labelled or entries
    if not entries:
        return lambda _: {}
    waveforms, _ = load_waveforms([e.audio for e in entries], sample_rate_hz=rate, on_progress=lambda _: None)
    usable = [row for row, wave in enumerate(waveforms) if len(wave)]
    windows = np.stack([_first_window(waveforms[row], round(seconds * rate)) for row in usable])
    used = [entries[row] for row in usable]
    figures = _class_figures(used, vectors) if labelled else _caption_figures(used, vectors)
    return lambda encoder: figures(ClipVectors(_embed(encoder, windows), np.arange(len(windows))))


def _class_figures(
    entries: Sequence[ManifestEntry], vectors: TextVectors
) -> Callable[[ClipVectors], dict[str, float]]:
    labels = labels_of(entries)
    names = [class_name(label) for label in labels]
    vectors.add(names)

    def figures(clips: ClipVectors) -> dict[str, float]:
        ranked = rank_both_ways(vectors.rows(names), labels, clips, label_keys(entries))
        return {
            "class_map": ranked.to_clips.map,
            "zero_shot_accuracy": ranked.to_queries.recall_at(1),
        }

    return figures


def _caption_figures(
    entries: Sequence[ManifestEntry], vectors: TextVectors
) -> Callable[[ClipVectors], dict[str, float]]:
    captions = sorted({caption for entry in entries for caption in entry.captions})
    vectors.add(captions)

    def figures(clips: ClipVectors) -> dict[str, float]:
        own = [entry.captions for entry in entries]
        ranked = rank_both_ways(vectors.rows(captions), captions, clips, own).to_clips
        return {"r1": ranked.recall_at(1), "r10": ranked.recall_at(10)}

    return figures


def _first_window(waveform: NDArray[np.int16], samples: int) -> NDArray[np.float32]:
    audio = waveform[:samples].astype(np.float32) / np.float32(FULL_SCALE)
    return np.pad(audio, (0, samples - len(audio)))


def _embed(encoder: AudioEncoder, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    starts = range(0, len(windows), VALIDATION_BATCH)
    return np.concatenate([embed_windows(encoder, windows[i : i + VALIDATION_BATCH]) for i in starts])
