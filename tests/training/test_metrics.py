"""Retrieval figures against rankings worked out by hand."""

import numpy as np
import pytest

from training.metrics import ClipVectors, rank_clips, rank_texts

# four clips on the axes of a plane; the second has two segments, of which the better one counts
SEGMENTS = np.array([[1, 0], [-1, 0], [0.6, 0.8], [0, 1], [-1, 0]], np.float32)
CLIPS = ClipVectors(SEGMENTS, np.array([0, 1, 3, 4]))


def test_clips_are_ranked_by_their_best_segment() -> None:
    # towards (1, 0) the clips score 1, .6, 0, -1: the right ones stand second and third
    figures = rank_clips(np.array([[1, 0]], np.float32), CLIPS, [np.array([1, 2])])
    assert figures.first_rank.tolist() == [2]
    assert figures.average_precision[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert figures.summary()["r1"] == 0
    assert figures.summary()["r5"] == 1


def test_only_the_first_ten_count_for_map10() -> None:
    angles = np.linspace(0, 1.5, 12)
    clips = ClipVectors(np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32), np.arange(12))
    figures = rank_clips(np.array([[1, 0]], np.float32), clips, [np.array([0, 11])])
    assert figures.average_precision_10[0] == pytest.approx(1 / 2)
    assert figures.average_precision[0] == pytest.approx((1 + 2 / 12) / 2)


def test_ties_do_not_flatter() -> None:
    clips = ClipVectors(np.tile(np.array([[1, 0]], np.float32), (4, 1)), np.arange(4))
    figures = rank_clips(np.array([[1, 0]], np.float32), clips, [np.array([0])])
    assert figures.first_rank.tolist() == [4]


def test_texts_are_ranked_for_every_clip() -> None:
    texts = np.array([[1, 0], [0, 1]], np.float32)
    figures = rank_texts(CLIPS, texts, [np.array([0]), np.array([0]), np.array([1]), np.array([1])])
    assert figures.first_rank.tolist() == [1, 2, 1, 1]
