"""Turns cosines into how likely it is that a hit is what was asked for.

A cosine alone says little: questions in one language score lower than in another, pictures lower than words, and every
library has a best hit, whether it holds what was asked for or not. So a score is first told in standard deviations from
what the same question scores against a **background** of sounds of all kinds; then a logistic regression, one for each
kind of question, makes a probability of it. Both are fitted on questions whose answers are known, in libraries with
them and without (``training.calibration``). Ranks never change: for one question it grows with the cosine. Why the
background is not the library itself: docs/decisions/0012.

A model directory holds it in ``calibration.npz``; it is in no fingerprint, for it changes no vector.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.errors import ModelDirectoryError

QuestionKind = Literal["text", "image", "audio"]
KINDS: tuple[QuestionKind, ...] = ("text", "image", "audio")
CALIBRATION_FILE = "calibration.npz"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """``background``: unit vectors of sounds of all kinds, (B, D). ``weights``: for each kind of question the bias and
    what a standard deviation above the background's mean counts, in log odds."""

    background: NDArray[np.float32]
    weights: Mapping[QuestionKind, tuple[float, float]]

    def confidences(
        self, scores: NDArray[np.float32], query: NDArray[np.float32], kind: QuestionKind
    ) -> NDArray[np.float64]:
        """Probabilities for the scores, (N,), of one question, (D,)."""
        return probabilities(standardised(scores, self.background @ query), self.weights[kind])

    def save(self, directory: Path) -> None:
        """Write it into a model directory."""
        held = {kind: np.array(self.weights[kind], np.float64) for kind in KINDS}
        background = self.background.astype(np.float16)  # of unit vectors: three digits are more than enough
        np.savez(directory / CALIBRATION_FILE, allow_pickle=False, background=background, **held)


def standardised(scores: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores in standard deviations from the mean of what the same question scores elsewhere, (M,)."""
    # Not by NumPy's own mean and std: every answer waits for this, and they do much that is not needed here.
    mean = float(others.sum()) / len(others)
    apart = others - np.float32(mean)
    deviation = math.sqrt(float(apart @ apart) / len(others))
    return (scores.astype(np.float64) - mean) / max(1e-6, deviation)


def probabilities(scores: NDArray[np.float64], weights: tuple[float, float]) -> NDArray[np.float64]:
    """What a bias and a slope, in log odds, make of standardised scores."""
    bias, slope = weights
    return 1 / (1 + np.exp(np.minimum(-bias - slope * scores, 50)))


def load_calibration(directory: Path, *, dim: int) -> Calibration | None:
    """What ``save`` wrote, or None where a model has none. Raises ModelDirectoryError."""
    path = directory / CALIBRATION_FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            background = held["background"].astype(np.float32)
            weights: dict[QuestionKind, tuple[float, float]] = {
                kind: (float(held[kind][0]), float(held[kind][1])) for kind in KINDS
            }
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ModelDirectoryError(
            f"{path} is no calibration: {error}; make it again, or delete it"
        ) from error
    if background.ndim != 2 or background.shape[1] != dim:
        raise ModelDirectoryError(f"{path} is of another model: its vectors are not of {dim} dimensions")
    return Calibration(background=background, weights=weights)
