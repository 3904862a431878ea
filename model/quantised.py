"""How weights are stored: matrices in eight bits with a scale for each row, everything else in sixteen.

A model directory is committed, so bytes count. A row is an output channel, whose weights are of one size, so that eight
bits move a vector by about a hundredth (``tests/model/test_quantised.py``).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE_SUFFIX = ":scale"
LEVELS = 127


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as they are stored; integers stay as they are."""
    packed: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.ndim >= 2:
            rows = tensor.float().flatten(1)
            scale = (rows.abs().amax(1) / LEVELS).clamp(min=1e-7).half().float()
            packed[key] = (
                (rows / scale[:, None]).round().clamp(-LEVELS, LEVELS).to(torch.int8).view(tensor.shape)
            )
            packed[key + SCALE_SUFFIX] = scale.half()
        else:
            packed[key] = tensor.half() if tensor.is_floating_point() else tensor
    return {key: tensor.cpu().contiguous() for key, tensor in packed.items()}


def unpack(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return stored tensors as float32 where they were floats."""
    tensors = {}
    for key, tensor in packed.items():
        scale = packed.get(key + SCALE_SUFFIX)
        if scale is not None:
            tensor = (tensor.flatten(1).float() * scale.float()[:, None]).view(tensor.shape)
        if not key.endswith(SCALE_SUFFIX):
            tensors[key] = tensor.float() if tensor.is_floating_point() else tensor
    return tensors
