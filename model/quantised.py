"""How weights are stored: matrices in eight bits with a scale for each row, everything else in sixteen.

A model directory is committed, so bytes count. A row is an output channel, whose weights are of one size, so that eight
bits move a vector by about a hundredth. What is remembered rather than computed with (``MEMORIES``) goes in four, two
values a byte: many rows are summed or weighed there, and their errors cancel (``tests/model/test_quantised.py``,
decisions/0007).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE_SUFFIX = ":scale"
LEVELS, MEMORY_LEVELS = 127, 7
# how the names of four-bit tensors end
MEMORIES = ("lexicon.table", "concepts.entries", "image.class_vectors")
CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6)  # of a row's largest value, to be the largest that four bits say


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as they are stored; integers stay as they are."""
    packed: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if not tensor.is_floating_point():
            packed[key] = tensor
        elif tensor.ndim < 2:
            packed[key] = tensor.half()
        elif key.endswith(MEMORIES):
            packed[key], packed[key + SCALE_SUFFIX] = _in_four_bits(tensor.float())
        else:
            packed[key], packed[key + SCALE_SUFFIX] = _in_eight_bits(tensor.float())
    return {key: tensor.cpu().contiguous() for key, tensor in packed.items()}


def unpack(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return stored tensors as float32 where they were floats."""
    tensors = {}
    for key, tensor in packed.items():
        if key.endswith(SCALE_SUFFIX):
            continue
        scale = packed.get(key + SCALE_SUFFIX)
        if scale is None:
            tensors[key] = tensor.float() if tensor.is_floating_point() else tensor
        else:
            levels = _levels_of_bytes(tensor) if tensor.dtype == torch.uint8 else tensor
            tensors[key] = (levels.flatten(1).float() * scale.float()[:, None]).view(levels.shape)
    return tensors


def _in_eight_bits(tensor: Tensor) -> tuple[Tensor, Tensor]:
    rows = tensor.flatten(1)
    scale = _scale(rows.abs().amax(1) / LEVELS)
    return _rounded(rows, scale, LEVELS).view(tensor.shape), scale.half()


def _in_four_bits(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return (rows, columns / 2) bytes, the first value of each in its low bits, and scales.

    Of a few scales each row takes the one with the least error: its largest value is seldom worth a coarser step. So
    rows that were stored once are stored the same again: the scale that made them has no error.
    """
    largest = rows.abs().amax(1)
    scales = torch.stack([_scale(clip * largest / MEMORY_LEVELS) for clip in CLIPS])
    errors = torch.stack(
        [(_rounded(rows, s, MEMORY_LEVELS) * s[:, None] - rows).square().sum(1) for s in scales]
    )
    scale = scales[errors.argmin(0), torch.arange(len(rows))]
    values = _rounded(rows, scale, MEMORY_LEVELS).view(torch.uint8) & 0xF
    return values[:, ::2] | (values[:, 1::2] << 4), scale.half()


def _levels_of_bytes(pairs: Tensor) -> Tensor:
    """Return the (rows, columns) signed values of bytes that hold two each."""
    halves = torch.stack([pairs & 0xF, pairs >> 4], dim=-1).flatten(1).to(torch.int8)
    return torch.where(halves > MEMORY_LEVELS, halves - 16, halves)


def _scale(step: Tensor) -> Tensor:
    return step.clamp(min=1e-7).half().float()  # as it will be stored


def _rounded(rows: Tensor, scale: Tensor, levels: int) -> Tensor:
    return (rows / scale[:, None]).round().clamp(-levels, levels).to(torch.int8)
