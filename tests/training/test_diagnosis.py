"""Which figures are signs of which failure, on both sides of each threshold."""

import numpy as np
import pytest

from training.diagnosis import (
    LEAST_QUERIES,
    LOW_R1_OF_R10,
    NEAR_ZERO_OF_REFERENCE,
    blind_pictures,
    uncovered_languages,
    weak_alignment,
)
from training.metrics import QueryFigures
from training.ranking import BothWays


def figures(ranks: list[int], *, candidates: int = 1000) -> QueryFigures:
    """One right answer a query, at these ranks."""
    first = np.array(ranks)
    return QueryFigures(1 / first, 1 / first * (first <= 10), first, np.ones_like(first), candidates)


def test_answers_that_are_near_but_not_first_are_weak_alignment() -> None:
    good, weak = figures([1] * 40 + [5] * 60), figures([1] * 10 + [5] * 60 + [500] * 30)
    (sentence,) = weak_alignment(BothWays(queries=[], to_clips=good, to_queries=weak))
    assert "audio to text: R@1 0.100 with R@10 0.700" in sentence
    assert "projection" in sentence
    assert "learning rate" in sentence


@pytest.mark.parametrize(
    ("ranks", "candidates"),
    [
        ([1] * round(LOW_R1_OF_R10 * 80) + [5] * 60 + [500] * 20, 1000),  # a quarter of R@10 is first
        ([5] * 40 + [500] * 60, 1000),  # not even near
        ([5] * 60 + [12] * 40, 20),  # ten of twenty are "near" anyway
        ([5] * 100, 10),  # and ten of ten always
    ],
)
def test_what_is_far_or_first_or_near_by_chance_is_not(ranks: list[int], candidates: int) -> None:
    ranked = figures(ranks, candidates=candidates)
    assert weak_alignment(BothWays(queries=[], to_clips=ranked, to_queries=ranked)) == []


def test_languages_near_chance_are_named() -> None:
    english, nothing = figures([1] * 20), figures([400] * 20)
    share = round(100 * NEAR_ZERO_OF_REFERENCE)
    little = figures([1] * (share + 2) + [900] * (98 - share))
    (sentence,) = uncovered_languages({"yo": nothing, "en": english, "sw": little, "kk": nothing})
    assert "does not cover kk, yo:" in sentence
    assert uncovered_languages({"en": english, "sw": little}) == []
    assert uncovered_languages({"yo": nothing}) == []


def test_a_few_queries_condemn_no_language() -> None:
    english, few = figures([1] * 20), figures([400] * (LEAST_QUERIES - 1))
    assert uncovered_languages({"en": english, "yo": few}) == []


def test_where_english_fails_no_language_is_blamed() -> None:
    nothing = figures([400] * 20)
    (sentence,) = uncovered_languages({"en": nothing, "yo": nothing})
    assert "English itself is near chance" in sentence


def test_pictures_that_fail_where_texts_work_point_to_the_anchor() -> None:
    text, nothing = figures([1] * 20), figures([400] * 20)
    (sentence,) = blind_pictures(text=text, pictures=nothing)
    assert "joint checkpoint" in sentence
    assert blind_pictures(text=text, pictures=figures([3] * 20)) == []
    assert blind_pictures(text=nothing, pictures=nothing) == []
