"""A memory of what people say of sounds, in English: texts of other languages are drawn towards its entries.

A word of another language lands near its English translation, and nearer to it than to other words, yet not on it; and
sounds lie where English lies. So every text is moved part of the way to the mean of the entries it is near, weighted as
attention weighs them: one step of a modern Hopfield network (Ramsauer et al. 2020, arXiv 2008.02217). The further it is
from the nearest entry, the further it goes: what is close to English already knows what it says.
The entries are words that describers of sounds use (``training.text_head``), not the words of any evaluation.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SHARPNESS = 35.0  # inverse temperature of the attention
REACH = 0.75  # the share of the way that a text goes is this times one minus its cosine to the nearest entry


class Concepts(nn.Module):
    """Unit vectors (N, D) to unit vectors (N, D)."""

    entries: Tensor

    def __init__(self, count: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("entries", torch.zeros(count, dim))

    def forward(self, vectors_nd: Tensor) -> Tensor:
        if not len(self.entries):
            return vectors_nd
        cosines_nc = vectors_nd @ self.entries.T
        recalled_nd = F.normalize((SHARPNESS * cosines_nc).softmax(-1) @ self.entries, dim=-1)
        share_n1 = (REACH * (1 - cosines_nc.amax(-1, keepdim=True))).clamp(0, 1)
        return F.normalize(torch.lerp(vectors_nd, recalled_nd, share_n1), dim=-1)
