"""The lexicon: that texts find their rows in any script, and that their rows are what they mean."""

import torch

from model.compact_text import encoders
from model.lexical_rows import ROWS, lexical_rows
from model.lexicon import Lexicon


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


def test_a_text_means_the_sum_of_its_rows_however_many_texts_there_are() -> None:
    torch.manual_seed(0)
    lexicon = Lexicon(16)
    lexicon.table.normal_()
    of_texts = rows("a rooster crows", "jogoo")
    alone = torch.cat([lexicon([of_text]) for of_text in of_texts])
    torch.testing.assert_close(lexicon(of_texts), alone)
    doubled = Lexicon(16)
    doubled.load_state_dict(lexicon.state_dict())
    doubled.table[of_texts[1]] *= 2
    torch.testing.assert_close(doubled(of_texts[1:]), 2 * alone[1:])


def test_nothing_remembered_is_the_zero_vector() -> None:
    assert lexicon_of_nothing()(rows("anything at all")).norm() == 0


def lexicon_of_nothing() -> Lexicon:
    return Lexicon(16)
