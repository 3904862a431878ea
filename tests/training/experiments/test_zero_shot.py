"""Zero-shot classification, per fold, where it is known which clip is heard as what."""

import pytest

from tests.training.experiments.helpers import Heard, clip
from training.experiments.zero_shot import PROMPTS, label_texts, zero_shot

FOLDS = {
    1: [clip("a", label="dog"), clip("b", label="church_bells")],
    2: [clip("c", label="dog"), clip("d", label="frog")],
}
HEARD_AS = ["dog", "church bells", "frog", "frog"]  # the dog of fold 2 sounds like a frog


def test_folds_are_measured_apart_and_together(heard: Heard) -> None:
    measured = heard(HEARD_AS, [*FOLDS[1], *FOLDS[2]])
    by_fold, _ = zero_shot(measured, FOLDS, prompts=False)
    assert [(row["fold"], row["clips"], row["accuracy"]) for row in by_fold.rows] == [
        ("1", 2, pytest.approx(1)),
        ("2", 2, pytest.approx(0.5)),
        ("all", 4, pytest.approx(0.75)),
    ]


def test_the_worst_classes_say_what_they_are_taken_for(heard: Heard) -> None:
    measured = heard(HEARD_AS, [*FOLDS[1], *FOLDS[2]])
    _, worst = zero_shot(measured, FOLDS, prompts=False)
    first = worst.rows[0]
    assert (first["label"], first["clips"], first["accuracy"], first["taken_for"]) == (
        "dog",
        2,
        0.5,
        "frog (1)",
    )
    assert {row["label"]: row["taken_for"] for row in worst.rows[1:]} == {"church_bells": "", "frog": ""}


def test_prompts_stand_beside_the_label_alone_and_are_written_out(heard: Heard) -> None:
    measured = heard(HEARD_AS, [*FOLDS[1], *FOLDS[2]])
    by_fold, worst = zero_shot(measured, {1: FOLDS[1]}, prompts=True)
    assert [row["texts"] for row in by_fold.rows] == ["label alone", "prompts averaged"]
    assert any("'the sound of {}'" in note for note in by_fold.notes)
    assert any("prompts averaged" in note for note in worst.notes)


def test_a_label_is_the_mean_of_its_sentences(heard: Heard) -> None:
    model = heard(["dog"], [clip("a", label="dog")]).model
    texts = label_texts(model, ["church_bells", "dog"], name="", templates=PROMPTS)
    mean = model.embed_texts([prompt.format("church bells") for prompt in PROMPTS]).mean(axis=0)
    assert texts.vectors.shape == (2, len(mean))
    assert texts.vectors[0] @ mean / (mean @ mean) ** 0.5 == pytest.approx(1, abs=1e-5)
