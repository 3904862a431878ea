"""A lexicon: what words mean in many languages, remembered from dictionaries as a table of small vectors.

A text encoder that has read little Swahili or Hebrew does not know their word for a rooster, but a dictionary does. The
lexicon sums a vector for each piece of a word, each pair of neighbouring pieces, each word and the whole text, as
fastText does (Bojanowski et al. 2017, arXiv 1607.04606), looked up by two hashes each (Svenstrup et al. 2017, arXiv
1709.03933), so 140 languages share one small table. It knows no grammar: ``model.compact_text`` weighs it against the
encoders, which do. ``training.lexicon`` teaches it.
"""

import zlib
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from model.e5 import E5Tokenizer

ROWS = 1 << 16  # two halves of a 32-bit hash address it
WIDTH = 128
MAX_PIECES = 48


class Lexicon(nn.Module):
    """Rows of ``lexical_rows`` to vectors, (N, D), not normalised: the more is known, the longer."""

    table: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(ROWS, WIDTH))
        self.projection = nn.Linear(WIDTH, dim, bias=False)

    def forward(self, rows: Sequence[Sequence[int]]) -> Tensor:
        counts = torch.tensor([len(of_text) for of_text in rows], dtype=torch.long)
        flat = torch.tensor([row for of_text in rows for row in of_text], dtype=torch.long)
        owner = torch.repeat_interleave(torch.arange(len(rows)), counts)
        sums = torch.zeros(len(rows), WIDTH).index_add(0, owner, self.table[flat])
        return self.project(sums, counts)

    def project(self, sums: Tensor, counts: Tensor) -> Tensor:
        """Map sums of rows, (N, WIDTH), of which each text has ``counts``, (N,), to vectors."""
        return self.projection(sums / counts[:, None].sqrt())


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
