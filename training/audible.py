"""Which English words and phrases are about sounds: those made of words that people use when they describe sounds.

They are what is searched for here, so the text tower is taught them more, and the most used of them are its concepts
(``model.concepts``). The measure is a corpus of captions, not the words of any evaluation.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

MIN_CAPTIONS = 2  # that a word must be in
CONCEPTS = 7_000  # 8,000 were no better (decisions/0007)
CONCEPT_WORDS = 2


def audible_texts(texts: Iterable[str], captions: Sequence[str]) -> list[str]:
    """Return those of ``texts``, in order, that are in ASCII and made of words of ``captions``."""
    used = Counter(word for caption in captions for word in set(_words(caption)))
    vocabulary = {word for word, count in used.items() if count >= MIN_CAPTIONS}
    return [text for text in texts if text.isascii() and _words(text) and vocabulary.issuperset(_words(text))]


def concepts_of(audible: Sequence[str]) -> list[str]:
    """Return the short ones, as many as there may be; ``audible`` is in order of use."""
    return [text for text in audible if len(text.split()) <= CONCEPT_WORDS][:CONCEPTS]


def _words(text: str) -> list[str]:
    return re.findall("[a-z]+", text.lower())
