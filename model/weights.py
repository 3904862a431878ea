"""Strict loading: every tensor in its place, or a message that names one which is not and counts the others."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from model.errors import WeightsError


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Load ``tensors`` that were read from ``source`` into a module.

    Raises WeightsError if one is missing, one too many, or one of another shape; the module is then as it was.
    """
    expected = module.state_dict()
    faults = [f"{key} is missing" for key in expected.keys() - tensors.keys()]
    faults += [f"{key} is not expected" for key in tensors.keys() - expected.keys()]
    faults += [
        f"{key} is {tuple(tensors[key].shape)} and not {tuple(expected[key].shape)}"
        for key in expected.keys() & tensors.keys()
        if tensors[key].shape != expected[key].shape
    ]
    if faults:
        others = f", and {len(faults) - 1} more like it" if len(faults) > 1 else ""
        raise WeightsError(f"{source} is of another architecture: {min(faults)}{others}")
    module.load_state_dict(dict(tensors))


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """Hash tensors with their names."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].contiguous().numpy().tobytes())
    return digest.hexdigest()
