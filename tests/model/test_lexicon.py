"""The lexicon: that texts find their rows in any script, and that what it remembers survives eight bits."""

import torch
from torch.nn import functional as F

from model.compact_text import encoders
from model.lexicon import ROWS, WIDTH, Lexicon, lexical_rows


def rows(*texts: str) -> list[list[int]]:
    return lexical_rows(encoders()[0].tokenizer, texts)


def test_every_text_has_rows_in_the_table() -> None:
    for of_text in rows("", " ", "dog", "ng'ombe", "鶏の鳴き声", "🐓", "كلب ينبح", "a" * 5_000):
        assert of_text
        assert all(0 <= row < ROWS for row in of_text)


def test_case_does_not_matter_and_words_do() -> None:
    upper, lower, other = rows("Mbwa ANABWEKA", "mbwa anabweka", "paka")
    assert upper == lower
    assert set(lower).isdisjoint(other)


def test_texts_that_share_a_word_share_its_rows() -> None:
    alone, within, apart = rows("jogoo", "jogoo anawika", "paka")
    assert len(set(alone) & set(within)) > len(set(apart) & set(within))


def test_what_is_remembered_comes_back_in_eight_bits() -> None:
    torch.manual_seed(0)
    table = torch.randn(ROWS, WIDTH)
    lexicon = Lexicon(16)
    lexicon.remember(table)
    of_texts = rows("a rooster crows", "jogoo")
    exact = torch.stack([table[r].sum(0) / len(r) ** 0.5 for r in of_texts]) @ lexicon.projection.weight.T
    assert F.cosine_similarity(lexicon(of_texts), exact).min() > 0.999


def test_nothing_remembered_is_the_zero_vector() -> None:
    assert lexicon_of_nothing()(rows("anything at all")).norm() == 0


def lexicon_of_nothing() -> Lexicon:
    return Lexicon(16)
