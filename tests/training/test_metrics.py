"""Retrieval figures against rankings worked out by hand."""

import itertools

import numpy as np
import pytest

from training.metrics import ClipVectors, rank_clips, rank_correlation, rank_texts

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


@pytest.mark.parametrize(("candidates", "right"), [(5, 1), (6, 3), (4, 4)])
def test_chance_is_the_mean_over_every_order(candidates: int, right: int) -> None:
    orders = [[place + 1 for place in chosen] for chosen in itertools.combinations(range(candidates), right)]
    precision = [np.mean([(i + 1) / rank for i, rank in enumerate(ranks)]) for ranks in orders]
    clips = ClipVectors(np.eye(candidates, dtype=np.float32), np.arange(candidates))
    figures = rank_clips(np.eye(candidates, dtype=np.float32)[:1], clips, [np.arange(right)])
    assert figures.chance_map == pytest.approx(np.mean(precision))
    for k in (1, 2, 10):
        assert figures.chance_at(k) == pytest.approx(np.mean([ranks[0] <= k for ranks in orders]))


def test_rank_correlation_follows_ranks_and_shares_ties() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 100, 1000, 10_000]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: Pearson's r of these
    assert rank_correlation([1, 2, 2, 3], [1, 3, 2, 4]) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


def test_rank_correlation_of_what_does_not_vary_is_none() -> None:
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    assert rank_correlation([1], [1]) is None
