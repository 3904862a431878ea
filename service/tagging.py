"""Tags a clip with words that its caller chose, in any language, without ever having been trained on them.

A word's score is its cosine with the clip's best segment: a tag is true of a clip if it is of any part of it, as in
search. Probabilities say which word of the vocabulary it is: the softmax of the scores, at the temperature that makes
the right words of known clips most probable (benchmarks/zero_shot_tags.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = 0.04


@dataclass(frozen=True)
class ScoredTag:
    """A word, its cosine with the clip, and how probable it is among the words that were given."""

    tag: str
    score: float
    probability: float


def scored_tags(
    tags: Sequence[str], texts: NDArray[np.float32], segments: NDArray[np.float32], *, k: int
) -> list[ScoredTag]:
    """The ``k`` best tags, best first; of equal ones the earlier.

    ``texts``: unit vectors of the tags, shape (T, D). ``segments``: those of the clip, shape (N, D), at least one.
    """
    scores = (texts @ segments.T).max(axis=1)
    probabilities = softmax(scores, temperature=TEMPERATURE)
    best: list[int] = np.argsort(-scores, kind="stable")[:k].tolist()
    return [ScoredTag(tags[place], float(scores[place]), float(probabilities[place])) for place in best]


def softmax(scores: NDArray[np.floating], *, temperature: float) -> NDArray[np.float64]:
    """Probabilities of each, over the last axis."""
    raised = np.exp((scores - scores.max(axis=-1, keepdims=True)).astype(np.float64) / temperature)
    return raised / raised.sum(axis=-1, keepdims=True)
