"""Teaching the text tower on a handful of real pairs: what was taught moves to its translation, English stays."""

import pytest
import torch
from torch.nn import functional as F

from model.compact_text import TextTower
from training.lexicon import LexiconRecipe
from training.parallel_text import TextPair
from training.text_head import Report, TextRecipe, read_english, select, teach

WORDS = {
    "rooster": "jogoo", "cow": "ng'ombe", "frog": "chura", "rain": "mvua", "wind": "upepo", "door": "mlango",
    "bell": "kengele", "train": "treni", "child": "mtoto", "water": "maji", "fire": "moto", "sheep": "kondoo",
}  # fmt: skip
PAIRS = [TextPair(english, text, "sw", "freedict") for english, text in WORDS.items()]
CAPTIONS = ["a dog barks while rain falls", "a bell rings in the distance", "someone closes a door"]
RECIPE = TextRecipe(
    dim=8,
    captions=3,
    selected=10.0,
    steps=120,
    batch_size=12,
    lexicon=LexiconRecipe(steps=60, batch_size=12),
)


@pytest.fixture(scope="module")
def taught() -> TextTower:
    report = Report(on_stage=lambda _: None, on_step=lambda _step, _loss: None)
    return teach(PAIRS, CAPTIONS, recipe=RECIPE, report=report)


def test_translations_land_nearer_than_other_words(taught: TextTower) -> None:
    similarity = taught(list(WORDS)) @ taught(list(WORDS.values())).T
    right = similarity.argmax(1) == torch.arange(len(WORDS))
    assert right.float().mean() > 0.8


def test_english_stays_where_the_teacher_puts_it(taught: TextTower) -> None:
    english = read_english(PAIRS, CAPTIONS, RECIPE)
    assert F.cosine_similarity(taught(english.texts), english.targets).mean() > 0.8


def test_vectors_are_unit_and_the_same_again(taught: TextTower) -> None:
    vectors = taught(["jogoo", "something never taught", ""])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(taught(["jogoo"])[0], vectors[0], atol=1e-5, rtol=0)
    assert taught([]).shape == (0, 8)


def test_small_languages_are_selected_above_their_size_and_long_texts_left_out() -> None:
    many = [TextPair(f"thing {i}", f"Ding {i}", "de", "freedict") for i in range(900)]
    few = [TextPair(f"thing {i}", f"kitu {i}", "sw", "freedict") for i in range(9)]
    long = [TextPair("thing 1", "kitu " * 40, "sw", "freedict")]
    selected = select([*many, *few, *long], TextRecipe(selected=2.0))
    by_lang = {lang: sum(pair.lang == lang for pair in selected) for lang in ("de", "sw")}
    assert by_lang == {"de": 60, "sw": 6}
    assert long[0] not in selected
