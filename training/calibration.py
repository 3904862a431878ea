"""Fits how likely a hit is right to its cosine, on questions whose answers are known.

Each question is asked twice, in a library that holds its answers and in the same library without them, and the first
ten clips of both are examples: right or not. What a question scores against a background of sounds (of a split that
the model was trained on, so nothing of the library) makes its scores comparable with those of others
(``model.calibration``). Figures are cross-validated by class, and told for each language.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.calibration import KINDS, Calibration, QuestionKind, probabilities, standardised
from model.retrieval_model import RetrievalModel
from training.errors import DataError
from training.manifest import ManifestEntry
from training.metrics import ClipVectors
from training.query_files import Query

BACKGROUND_SEGMENTS = 500
GOOD = 0.5
_TOP = 10
_FOLDS = 5
_LEAST_QUESTIONS = 20
_PENALTY = 100.0  # scikit-learn's C: next to none

Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Questions of one kind: vectors (Q, D), the label that answers each, and its language. ``own_clip`` is the clip
    that a question is made of, which is no answer to it; -1 for none."""

    kind: QuestionKind
    vectors: Vectors
    labels: Sequence[str]
    langs: Sequence[str]
    own_clip: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question asked once: the standardised scores of its first clips, and which of them are right."""

    label: str
    lang: str
    has_answers: bool
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How often "there is a good match" is said: where there is one, and where there is none; how often the first
    clip is right where there are answers; and how far probabilities are from frequencies, on average."""

    questions: int
    said_with_answers: float
    said_without: float
    first_right: float
    error: float


def background_of(clips: ClipVectors) -> Vectors:
    """Segments of a split, spread evenly over it."""
    count = min(BACKGROUND_SEGMENTS, len(clips.segments))
    return clips.segments[np.linspace(0, len(clips.segments) - 1, count).astype(np.int64)]


def questions_of(
    model: RetrievalModel, queries: Sequence[Query], clips: ClipVectors, entries: Sequence[ManifestEntry]
) -> list[Questions]:
    """Texts and pictures that were asked, and every clip as a question for others of its label."""
    from model.images import load_image

    texts = [query for query in queries if query.text is not None]
    pictures = [query for query in queries if query.image is not None]
    sums = np.add.reduceat(clips.segments, clips.starts, axis=0)
    own = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    batches = [texts[start : start + 64] for start in range(0, len(texts), 64)]
    by_text = [model.embed_texts([query.text or "" for query in batch]) for batch in batches]
    by_picture = [model.embed_images([load_image(query.image)]) for query in pictures if query.image]
    labels = [entry.label or "" for entry in entries]
    kinds: list[tuple[QuestionKind, list[Vectors], list[str], list[str], list[int]]] = [
        ("text", by_text, [q.label for q in texts], [q.lang for q in texts], [-1] * len(texts)),
        ("image", by_picture, [q.label for q in pictures], [""] * len(pictures), [-1] * len(pictures)),
        ("audio", [own], labels, [""] * len(labels), list(range(len(labels)))),
    ]
    return [
        Questions(kind=kind, vectors=np.concatenate(vectors), labels=labels, langs=langs, own_clip=own_clip)
        for kind, vectors, labels, langs, own_clip in kinds
        if vectors
    ]


def asked(
    questions: Questions, clips: ClipVectors, labels: Sequence[str], background: Vectors
) -> list[Asked]:
    """Ask every question that has answers with them and without."""
    scores, others = clips.scores(questions.vectors), questions.vectors @ background.T
    held = np.array(labels)
    results = []
    for number, (label, lang) in enumerate(zip(questions.labels, questions.langs, strict=True)):
        may = np.arange(len(held)) != questions.own_clip[number]
        right = held == label
        if not (right & may).any():
            continue
        for has_answers in (True, False):
            there = np.flatnonzero(may if has_answers else may & ~right)
            first = there[np.argsort(-scores[number, there], kind="stable")[:_TOP]]
            results.append(
                Asked(
                    label=label,
                    lang=lang,
                    has_answers=has_answers,
                    scores=standardised(scores[number, first], others[number]),
                    right=right[first],
                )
            )
    return results


def fit(examples: Sequence[Asked]) -> tuple[float, float]:
    """Bias and slope. Raises DataError where there is too little to learn from."""
    from sklearn.linear_model import LogisticRegression

    right = np.concatenate([each.right for each in examples]) if examples else np.empty(0, np.bool_)
    if len(examples) < 2 * _LEAST_QUESTIONS or right.all() or not right.any():
        raise DataError(
            f"{len(examples) // 2} questions with answers are too few to calibrate with: {_LEAST_QUESTIONS} are "
            "needed, some of them answered rightly and some wrongly."
        )
    scores = np.concatenate([each.scores for each in examples])[:, None]
    fitted = LogisticRegression(C=_PENALTY).fit(scores, right)
    return float(fitted.intercept_[0]), float(fitted.coef_[0, 0])


def cross_validated(examples: Sequence[Asked]) -> list[NDArray[np.float64]]:
    """Probabilities of each question's clips, from a fit without any question of the same label."""
    labels = sorted({each.label for each in examples})
    fold = {label: number % _FOLDS for number, label in enumerate(labels)}
    fits = [fit([each for each in examples if fold[each.label] != number]) for number in range(_FOLDS)]
    return [probabilities(each.scores, fits[fold[each.label]]) for each in examples]


def figures(examples: Sequence[Asked], probabilities: Sequence[NDArray[np.float64]]) -> Figures:
    """What a calibration does for these questions."""
    said = np.array([each.max() >= GOOD for each in probabilities])
    has = np.array([each.has_answers for each in examples])
    first = np.array([each.right[0] for each in examples])
    told, right = np.concatenate(list(probabilities)), np.concatenate([each.right for each in examples])
    bins = np.minimum((told * 10).astype(np.int64), 9)
    error = sum(abs(float(told[bins == one].sum() - right[bins == one].sum())) for one in range(10)) / len(
        told
    )
    return Figures(
        questions=int(has.sum()),
        said_with_answers=round(float(said[has].mean()), 3),
        said_without=round(float(said[~has].mean()), 3),
        first_right=round(float(first[has].mean()), 3),
        error=round(error, 3),
    )


def calibrate(
    model: RetrievalModel,
    queries: Sequence[Query],
    clips: ClipVectors,
    entries: Sequence[ManifestEntry],
    background: Vectors,
) -> tuple[Calibration, dict[str, Figures]]:
    """Fit a calibration, and tell what it does by kind of question and by language. Raises DataError."""
    weights: dict[QuestionKind, tuple[float, float]] = {}
    told: dict[str, Figures] = {}
    labels = [entry.label or "" for entry in entries]
    for questions in questions_of(model, queries, clips, entries):
        examples = asked(questions, clips, labels, background)
        weights[questions.kind] = fit(examples)
        told_of_each = cross_validated(examples)
        told[questions.kind] = figures(examples, told_of_each)
        for lang in sorted({each.lang for each in examples} - {""}):
            of_lang = [number for number, each in enumerate(examples) if each.lang == lang]
            told[f"{questions.kind} {lang}"] = figures(
                [examples[number] for number in of_lang], [told_of_each[number] for number in of_lang]
            )
    missing = [kind for kind in KINDS if kind not in weights]
    if missing:
        raise DataError(
            f"There are no questions of the kind {missing[0]!r}; a calibration is of all of {KINDS}."
        )
    return Calibration(background=background, weights=weights), told
