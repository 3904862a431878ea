"""Checkpoints: written beside the last one and then put in its place, so that a bad one never replaces a good one."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from model.files import write_atomically
from training.errors import CheckpointError


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write ``state`` beside the old checkpoint, then replace it. Raises CheckpointError, and the old one stands."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written: {error.strerror or error}. The last checkpoint stands; make room and run the "
            "same command again"
        ) from error


def read_checkpoint_of(path: Path, *, run_id: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Load a checkpoint of this very run. Raises CheckpointError if it is of another, or broken."""
    state = read_checkpoint(path)
    if state["run_id"] != run_id or state["config"] != config:
        raise CheckpointError(
            f"{path} was written by a run with other data or settings; choose another --out, "
            "or delete it to start again"
        )
    return state


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint safely. Raises CheckpointError if it is broken."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its reader met: zip, pickle, key and runtime errors
        raise CheckpointError(
            f"{path} is not a readable checkpoint ({type(error).__name__}): delete it to start again"
        ) from error
