"""Is audio-image retrieval emergent? The control: what does training on audio-image pairs add to it?

A model that has never heard a sound beside a picture is fine-tuned on some, and asked for pictures that it was not
fine-tuned on. If that adds next to nothing, the alignment through text had already brought pictures along (CACARA).

Pictures are dealt into two halves; each half is once what is learned from and once what is asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.anchor import Anchor
from model.audio_encoder import AudioEncoder
from model.images import load_image
from model.retrieval_model import RetrievalModel
from model.torch_model import TorchModel
from training.alignment import align
from training.audio_data import load_waveforms
from training.averaging import decay_over
from training.captions import ClipText
from training.contrast import Contrast, ContrastiveObjective
from training.dataset import AlignmentData, plain_draws
from training.errors import DataError
from training.evaluation import embed_clips
from training.experiments.table import Table
from training.manifest import ManifestEntry
from training.progress import Progress
from training.query_files import Query
from training.ranking import answerable, rank_classes, rank_pictures
from training.runs import run_id
from training.trainer import TrainerConfig

HALVES = 2
COLUMNS = {
    "what": "model",
    "picture_map": "picture to audio, mAP",
    "picture_r1": "R@1",
    "class_map": "class name to audio, mAP",
}
# Clips of one class share pictures, so that the plain contrast would take each other's for wrong.
CONTRAST = Contrast(mask_false_negatives=True)


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """How long and how fast."""

    epochs: int = 3
    batch_size: int = 32
    lr: float = 1e-4
    seed: int = 0


class PictureVectors:
    """Unit vectors of pictures, keyed by path: what ``AlignmentData`` takes in the place of captions' vectors."""

    def __init__(self, anchor: Anchor) -> None:
        self._anchor = anchor
        self._rows: dict[str, NDArray[np.float32]] = {}

    def add(self, texts: Sequence[str]) -> None:
        """Embed the pictures that are new."""
        for path in texts:
            if path not in self._rows:
                self._rows[path] = self._anchor.embed_images([load_image(Path(path))])[0]

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of known pictures, (len(texts), D)."""
        return np.stack([self._rows[path] for path in texts])


def emergence(
    model: TorchModel,
    train: Sequence[ManifestEntry],
    held_out: Sequence[ManifestEntry],
    queries: Sequence[Query],
    out: Path,
    *,
    tuning: FineTuning,
    progress: Progress,
) -> Table:
    """Fine-tune on the pictures of one half and ask those of the other, both ways round; return before and after.

    Raises DataError if there are no pictures of classes that both the clips to learn from and the held-out clips have.
    """
    pictures = [query for query in answerable(queries, held_out) if query.image]
    before, after = [], []
    for half in range(HALVES):
        taught = [picture for row, picture in enumerate(pictures) if row % HALVES == half]
        asked = [picture for row, picture in enumerate(pictures) if row % HALVES != half]
        if not taught or not asked:
            raise DataError(
                "there are too few pictures whose label a held-out clip has: at least two are needed"
            )
        tuned = _tuned(model, train, taught, out / f"half-{half + 1}", tuning=tuning, progress=progress)
        before.append(_figures(model, held_out, asked))
        after.append(_figures(tuned, held_out, asked))
    rows = [_mean("trained on text alone", before), _mean("and fine-tuned on pictures", after)]
    gain = rows[1]["picture_map"] - rows[0]["picture_map"]
    return Table(
        title="Is audio-image retrieval emergent?",
        columns=COLUMNS,
        rows=[*rows, {"what": "gain", "picture_map": gain}],
        notes=[
            f"{len(pictures)} pictures in two halves; each half is once learned from and once asked, and figures are "
            "the mean. Pictures that are asked were not fine-tuned on; their classes may have been, by other pictures.",
            f"Fine-tuning: {tuning.epochs} epochs of {len(train)} clips at most, learning rate {tuning.lr:g}.",
            "A gain near nothing says that alignment through text had already brought pictures along; a large one that "
            "it had not.",
        ],
    )


def _tuned(
    model: TorchModel,
    entries: Sequence[ManifestEntry],
    pictures: Sequence[Query],
    out: Path,
    *,
    tuning: FineTuning,
    progress: Progress,
) -> TorchModel:
    of_label: defaultdict[str, list[str]] = defaultdict(list)
    for picture in pictures:
        of_label[picture.label].append(str(picture.image))
    paired = [entry for entry in entries if entry.label in of_label]
    if not paired:
        raise DataError("no clip to learn from has the label of a picture")
    waves, _ = load_waveforms(
        [entry.audio for entry in paired], sample_rate_hz=model.sample_rate_hz, on_progress=lambda _: None
    )
    texts = [
        ClipText(captions=tuple(of_label[entry.label or ""]), tags=(), tag_weights=()) for entry in paired
    ]
    choices = plain_draws(batch_size=tuning.batch_size, seconds=model.window_s)
    data = AlignmentData(
        waves,
        texts,
        PictureVectors(model.anchor),
        sample_rate_hz=model.sample_rate_hz,
        choices=choices,
        mixtures=0,
        seed=tuning.seed,
    )
    encoder: AudioEncoder = deepcopy(model.audio_encoder).requires_grad_(True)
    weights = align(
        encoder,
        data,
        ContrastiveObjective(CONTRAST, data.bank),
        out,
        TrainerConfig(
            epochs=tuning.epochs,
            lr=tuning.lr,
            warmup_epochs=0.1,
            average_decay=decay_over(tuning.epochs * data.steps),
            seed=tuning.seed,
        ),
        run=run_id(paired, model.space.fingerprint, str(tuning), str(sorted(of_label.items()))),
        evaluate=lambda _: {},
        progress=progress,
    )
    encoder.load_state_dict(weights)
    return TorchModel(
        anchor=model.anchor,
        audio_encoder=encoder.requires_grad_(False),
        space=model.space,
        window_s=model.window_s,
        hop_s=model.hop_s,
    )


def _figures(
    model: RetrievalModel, entries: Sequence[ManifestEntry], pictures: Sequence[Query]
) -> dict[str, float]:
    clips, used, _ = embed_clips(model, entries, on_progress=lambda _: None)
    seen, named = rank_pictures(model, clips, used, pictures), rank_classes(model, clips, used)
    assert seen is not None  # the pictures were chosen by the clips' labels
    assert named is not None
    return {
        "picture_map": seen.to_clips.map,
        "picture_r1": seen.to_clips.recall_at(1),
        "class_map": named.to_clips.map,
    }


def _mean(what: str, halves: Sequence[dict[str, float]]) -> dict:
    return {"what": what} | {key: float(np.mean([half[key] for half in halves])) for key in halves[0]}
