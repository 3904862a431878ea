"""The state of everything that a training draws from, so that it can go on from the middle of an epoch."""

import random
from typing import Any

import torch


def random_state(device: str) -> dict[str, Any]:
    """Return the state of Python's, torch's and the device's generators."""
    state = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if torch.device(device).type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: dict[str, Any], device: str) -> None:
    """Go on from a state; one that was kept on another kind of device goes on as far as it can."""
    random.setstate(state["python"])
    torch.set_rng_state(state["torch"])
    if torch.device(device).type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
