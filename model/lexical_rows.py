"""Which rows of the lexicon (``model.lexicon``) a text has: hashes of its pieces and words. Needs no torch."""

import zlib
from collections.abc import Sequence
from itertools import pairwise

from model.e5_file import E5Tokenizer

ROWS = 1 << 16  # two halves of a 32-bit hash address it
MAX_PIECES = 48


def lexical_rows(tokenizer: E5Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return the rows of each text in the table; at least one, also for an empty text."""
    return [_rows_of(pieces[:MAX_PIECES]) for pieces in tokenizer.pieces([text.lower() for text in texts])]


def _rows_of(pieces: Sequence[str]) -> list[int]:
    words = "".join(pieces).split("▁")[1:]
    features = {f"p{piece}" for piece in pieces if piece != "▁"}
    features |= {f"b{first}{second}" for first, second in pairwise(pieces)}
    features |= {f"w▁{word}" for word in words if word}
    features.add("t" + " ".join(words))
    hashes = [zlib.crc32(feature.encode()) for feature in sorted(features)]
    return [row for value in hashes for row in (value & (ROWS - 1), value >> 16)]
