"""Low-rank adaptation of the anchor's text network (LoRA, Hu et al. 2021, arXiv 2106.09685).

The network itself comes from a package and is 20 times larger than what may be committed; the adapter is the
small difference that makes one text mean the same in every language. It is merged once, when the anchor is built.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

ADAPTED = ("query", "key", "value", "out", "up", "down")  # the linear layers of an E5 layer


def merge_low_rank(layers: nn.ModuleList, tensors: Mapping[str, Tensor]) -> None:
    """Add ``up @ down`` to every adapted weight: keys are ``{layer}.{linear}.up`` (out, r) and ``.down`` (r, in)."""
    with torch.no_grad():
        for key in tensors:
            index, linear, side = key.split(".")
            if side == "up":
                delta = tensors[key].float() @ tensors[f"{index}.{linear}.down"].float()
                layers[int(index)].get_submodule(linear).weight += delta
