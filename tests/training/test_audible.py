"""What counts as audible: words that captions use, whole texts only, in the order given."""

from training.audible import CONCEPT_WORDS, audible_texts, concepts_of

CAPTIONS = ["A dog barks", "A dog and a bird", "A bird sings", "Rain once"]


def test_only_texts_made_of_words_of_several_captions() -> None:
    texts = ["bird", "the bird", "dog", "a dog", "rain", "tax return", "Vögel", "42", ""]
    assert audible_texts(texts, CAPTIONS) == ["bird", "dog", "a dog"]


def test_concepts_are_the_short_ones_in_order() -> None:
    long = " ".join(["dog"] * (CONCEPT_WORDS + 1))
    assert concepts_of(["bird", long, "a dog"]) == ["bird", "a dog"]
