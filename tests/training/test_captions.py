"""What clips may be called: names of tags, how much each weighs, and what a person's caption rules out."""

import random
from pathlib import Path

import numpy as np
import pytest

from training.captions import ClipText, clip_texts, tag_names
from training.manifest import ManifestEntry

DIRECTIONS = {"dog": 0, "bark": 0, "a dog barks": 0, "speech": 1, "man speaking": 1, "rain": 2, "silence": 3}


class FourMeanings:
    """An anchor's vectors in which a text means one of four things."""

    def add(self, texts: list[str]) -> None:
        assert set(texts) <= DIRECTIONS.keys()

    def rows(self, texts: list[str]) -> np.ndarray:
        return np.eye(4, dtype=np.float32)[[DIRECTIONS[text] for text in texts]]


def texts(*clips: tuple[tuple[str, ...], dict[str, float]]) -> list[ClipText]:
    entries = [
        ManifestEntry(audio=Path(f"{row}.wav"), captions=captions, tags=tuple(tags.items()))
        for row, (captions, tags) in enumerate(clips)
    ]
    return clip_texts(entries, FourMeanings())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("tag", "names"),
    [
        ("Walk, footsteps", ["walk", "footsteps"]),
        ("Bee, wasp, etc.", ["bee", "wasp"]),
        ("Dishes, pots, and pans", ["dishes", "pots", "pans"]),
        ("Roaring cats (lions, tigers)", ["roaring cats"]),
        ("Wind noise (microphone)", ["wind noise"]),
    ],
)
def test_a_class_goes_by_each_of_its_names(tag: str, names: list[str]) -> None:
    assert tag_names(tag) == names


def test_of_two_tags_with_one_score_the_rarer_weighs_more_and_names_share_a_weight() -> None:
    first, *_ = texts(((), {"Rain": 0.3, "Speech, man speaking": 0.3}), *[((), {"Rain": 0.9})] * 5)
    weight = dict(zip(first.tags, first.tag_weights, strict=True))
    assert weight["speech"] == weight["man speaking"]
    assert weight["speech"] + weight["man speaking"] > 2 * weight["rain"] > 0
    assert sum(first.tag_weights) == pytest.approx(1)


def test_tags_that_disagree_with_a_person_are_dropped() -> None:
    spoken, untold = texts((("a dog barks",), {"Dog": 0.2, "Speech": 0.9}), ((), {"Dog": 0.2, "Speech": 0.9}))
    assert spoken.tags == ("dog",)
    assert set(untold.tags) == {"dog", "speech"}


def test_a_clip_with_nothing_but_a_silent_tag_is_called_that() -> None:
    assert texts(((), {"Silence": 0.9}))[0].tags == ("silence",)


def test_every_caption_that_is_drawn_was_announced() -> None:
    tags = ("dog", "bark", "rain", "speech", "wind", "bee")
    text = ClipText(captions=("a dog barks",), tags=tags, tag_weights=(1 / 6,) * 6)
    rng = random.Random(0)
    drawn = {text.draw(rng, machine_share=0.7) for _ in range(2_000)}
    assert drawn <= text.all_captions()
    assert len(drawn) > 15
    assert all(text.draw(rng, machine_share=0.0).count("dog") for _ in range(20))
