"""Calibration: fitted on made-up questions whose answers are known, and what the shipped one says."""

from pathlib import Path

import numpy as np
import pytest

from model.calibration import Calibration, load_calibration
from model.directory import DEFAULT_MODEL_DIR, load_model
from model.errors import ModelDirectoryError
from training.calibration import Asked, cross_validated, figures, fit
from training.errors import DataError


def questions(number: int, *, apart: float) -> list[Asked]:
    """Ten clips each; right ones score higher by so many standard deviations."""
    random = np.random.default_rng(0)
    made = []
    for label in range(number):
        for has_answers in (True, False):
            right = np.arange(10) < (4 if has_answers else 0)
            scores = random.normal(size=10) + apart * right
            order = np.argsort(-scores)
            made.append(
                Asked(
                    label=str(label),
                    lang="en",
                    has_answers=has_answers,
                    scores=scores[order],
                    right=right[order],
                )
            )
    return made


def test_probabilities_are_frequencies_and_absence_is_noticed() -> None:
    clear, unclear = questions(200, apart=6), questions(200, apart=0.5)
    told = figures(clear, cross_validated(clear))
    assert told.said_with_answers > 0.95
    assert told.said_without < 0.2
    assert told.error < 0.02
    less = figures(unclear, cross_validated(unclear))
    assert less.error < 0.03, "where scores tell little, probabilities stay low instead of being wrong"
    assert less.said_with_answers < 0.6
    assert fit(clear)[1] > fit(unclear)[1] > 0


@pytest.mark.parametrize("examples", [[], questions(5, apart=3), questions(50, apart=3)[1::2]])
def test_too_little_to_learn_from_is_said(examples: list[Asked]) -> None:
    with pytest.raises(DataError, match="too few"):
        fit(examples)


def test_a_calibration_is_kept_with_its_model(tmp_path: Path) -> None:
    background = np.eye(4, dtype=np.float32)
    held = Calibration(background=background, weights={"text": (-3, 2), "image": (-4, 1), "audio": (-5, 3)})
    held.save(tmp_path)
    again = load_calibration(tmp_path, dim=4)
    assert again is not None
    scores, query = np.array([0.9, 0.4], np.float32), np.full(4, 0.5, np.float32)
    query[0] += 0.1
    for kind in ("text", "image", "audio"):
        told = again.confidences(scores, query, kind)
        assert told[0] > told[1]
        np.testing.assert_allclose(told, held.confidences(scores, query, kind), atol=1e-3)
    with pytest.raises(ModelDirectoryError, match="another model"):
        load_calibration(tmp_path, dim=5)
    (tmp_path / "calibration.npz").write_bytes(b"nothing")
    with pytest.raises(ModelDirectoryError, match="no calibration"):
        load_calibration(tmp_path, dim=4)
    assert load_calibration(tmp_path / "elsewhere", dim=4) is None


def test_the_shipped_model_is_calibrated_for_every_kind() -> None:
    model = load_model(DEFAULT_MODEL_DIR)
    assert model.calibration is not None
    query = model.embed_texts(["rain"])[0]
    scores = np.array([0.0, 0.9], np.float32)
    for kind in ("text", "image", "audio"):
        low, high = model.calibration.confidences(scores, query, kind)
        assert low < 0.1
        assert high > 0.8
