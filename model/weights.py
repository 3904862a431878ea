"""Published weights read safely, and strict loading: every tensor in its place, or a message that names one which is
not and counts the others."""

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from model.errors import WeightsError

SAFETENSORS, PICKLE = "model.safetensors", "pytorch_model.bin"  # as the Hugging Face hub calls them


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a published checkpoint: a file, or a folder as the Hugging Face hub has them.

    Pickles are read with ``weights_only``, so that none can run a program; they may hold the tensors under ``model``,
    beside a training's settings. Raises WeightsError if there are none or the file is broken.
    """
    file = _file_in(path) if path.is_dir() else path
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        # settings as research code stores them; an argparse.Namespace can do nothing but hold values
        with torch.serialization.safe_globals([argparse.Namespace]):
            stored = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its reader met: zip, pickle, key and runtime errors
        raise WeightsError(f"{file} cannot be read as a checkpoint: {first_line(error)}") from error
    tensors = stored.get("model", stored) if isinstance(stored, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise WeightsError(f"{file} is not a checkpoint: tensors by name are expected")
    return tensors


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


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


def first_line(error: Exception) -> str:
    """Return what an error says, without the advice that torch appends."""
    return (str(error) or type(error).__name__).splitlines()[0]


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """Hash tensors with their names."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].contiguous().numpy().tobytes())
    return digest.hexdigest()


def _file_in(folder: Path) -> Path:
    found = [folder / name for name in (SAFETENSORS, PICKLE) if (folder / name).is_file()]
    if not found:
        raise WeightsError(f"{folder} holds no checkpoint: {SAFETENSORS} or {PICKLE} is expected")
    return found[0]
