"""Zero-shot classification: a clip belongs to the class whose name is nearest, and no classifier is trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.retrieval_model import RetrievalModel
from training.diagnosis import weak_alignment
from training.experiments.measured import Measured
from training.experiments.table import Table
from training.manifest import ManifestEntry
from training.ranking import BothWays, class_name, label_keys, labels_of, rank_both_ways

# CLIP's way of averaging over sentences (arXiv 2103.00020, 3.1.4); these sentences are ours.
ALONE = ("{}",)
PROMPTS = ("{}", "the sound of {}", "a recording of {}", "this is a sound of {}", "{} can be heard")
WORST = 10

FOLD_COLUMNS = {
    "fold": "fold",
    "texts": "texts",
    "clips": "clips",
    "accuracy": "accuracy",
    "map": "mAP",
    "chance_accuracy": "chance accuracy",
    "chance_map": "chance mAP",
}
WORST_COLUMNS = {
    "label": "class",
    "clips": "clips",
    "accuracy": "accuracy",
    "average_precision": "average precision",
    "taken_for": "taken for (clips)",
}


@dataclass(frozen=True, kw_only=True)
class Texts:
    """How labels are made texts, and the mean vector of each label's texts, (L, D)."""

    name: str
    templates: tuple[str, ...]
    vectors: NDArray[np.float32]


def zero_shot(
    measured: Measured, folds: Mapping[int, Sequence[ManifestEntry]], *, prompts: bool
) -> tuple[Table, Table]:
    """Measure every fold apart and all together; return that table, and one of the worst classes.

    With ``prompts``, each label is also averaged over several sentences, and the worst classes are of these.
    """
    labels = labels_of(measured.entries)
    wordings = [label_texts(measured.model, labels, name="label alone", templates=ALONE)]
    if prompts:
        wordings.append(label_texts(measured.model, labels, name="prompts averaged", templates=PROMPTS))
    rows = []
    for texts in wordings:
        for fold, entries in folds.items():
            own = {entry.audio for entry in entries}
            places = [row for row, entry in enumerate(measured.entries) if entry.audio in own]
            if places:
                rows.append(_fold_row(str(fold), texts, _rank(measured, texts, labels, places)))
        if len(folds) > 1:
            everything = range(len(measured.entries))
            rows.append(_fold_row("all", texts, _rank(measured, texts, labels, everything)))
    notes = [
        *measured.clip_notes(),
        f"{len(labels)} classes. A clip ranks the names of its fold's classes, a name the clips of the fold.",
        *(
            f"{texts.name}: {', '.join(repr(template) for template in texts.templates)}."
            for texts in wordings
        ),
        "Strictly zero-shot are only classes whose names training did not see, and clips that were trained on are not "
        "even held out: the model's card says what was.",
        *weak_alignment(_rank(measured, wordings[-1], labels, range(len(measured.entries)))),
    ]
    by_fold = Table(title="Zero-shot classification", columns=FOLD_COLUMNS, rows=rows, notes=notes)
    return by_fold, worst_classes(measured, wordings[-1], labels)


def label_texts(
    model: RetrievalModel, labels: Sequence[str], *, name: str, templates: tuple[str, ...]
) -> Texts:
    """Embed each label in each template, and average to unit vectors."""
    texts = [template.format(class_name(label)) for label in labels for template in templates]
    mean = model.embed_texts(texts).reshape(len(labels), len(templates), -1).mean(axis=1)
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return Texts(name=name, templates=templates, vectors=unit.astype(np.float32))


def worst_classes(measured: Measured, texts: Texts, labels: Sequence[str]) -> Table:
    """The classes that are told apart worst, by accuracy, with the three that each is taken for most."""
    nearest = measured.clips.scores(texts.vectors).argmax(axis=0)
    precision = _rank(measured, texts, labels, range(len(measured.entries))).to_clips.average_precision
    rows = []
    for place, label in enumerate(labels):
        taken = Counter(
            labels[guess]
            for entry, guess in zip(measured.entries, nearest, strict=True)
            if entry.label == label
        )
        others = [f"{other} ({count})" for other, count in taken.most_common() if other != label]
        rows.append(
            {
                "label": label,
                "clips": taken.total(),
                "accuracy": taken[label] / taken.total(),
                "average_precision": float(precision[place]),
                "taken_for": ", ".join(others[:3]),
            }
        )
    rows.sort(key=lambda row: (row["accuracy"], row["average_precision"]))
    return Table(
        title="Zero-shot classification: the worst classes",
        columns=WORST_COLUMNS,
        rows=rows[:WORST],
        notes=[
            *measured.clip_notes(),
            f"Texts: {texts.name}. At most three classes it is taken for are named.",
        ],
    )


def _rank(measured: Measured, texts: Texts, labels: Sequence[str], places: Sequence[int]) -> BothWays:
    """Rank some of the clips and the names of the classes that they have, both ways."""
    keys = label_keys([measured.entries[place] for place in places])
    clips = measured.clips.select(places)
    there = {key for own in keys for key in own}
    rows = [row for row, label in enumerate(labels) if label in there]
    return rank_both_ways(texts.vectors[rows], [labels[row] for row in rows], clips, keys)


def _fold_row(fold: str, texts: Texts, ranked: BothWays) -> dict[str, str | int | float]:
    clips = ranked.to_queries
    return {
        "fold": fold,
        "texts": texts.name,
        "clips": len(clips),
        "accuracy": clips.recall_at(1),
        "map": ranked.to_clips.map,
        "chance_accuracy": clips.chance_at(1),
        "chance_map": ranked.to_clips.chance_map,
    }
