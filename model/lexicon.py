"""A lexicon: what words mean in many languages, remembered from dictionaries as a table of small vectors.

A text encoder that has read little Swahili or Hebrew does not know their word for a rooster, but a dictionary does. The
lexicon sums a vector for each piece of a word, each pair of neighbouring pieces, each word and the whole text, as
fastText does (Bojanowski et al. 2017, arXiv 1607.04606), looked up by two hashes each (Svenstrup et al. 2017, arXiv
1709.03933), so 140 languages share one small table. It knows no grammar: ``model.compact_text`` weighs it against the
encoders, which do. ``training.lexicon`` teaches it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.lexical_rows import ROWS

WIDTH = 128


class Lexicon(nn.Module):
    """Rows of ``model.lexical_rows`` to vectors, (N, D), not normalised: the more is known, the longer."""

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
