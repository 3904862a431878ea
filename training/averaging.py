"""The running mean of a network's weights: what a training keeps, since it retrieves better than the last step's."""

import torch
from torch import nn


@torch.no_grad()
def average_into(averaged: nn.Module, latest: nn.Module, *, decay: float) -> None:
    """Move ``averaged`` the share ``1 - decay`` of the way to ``latest``; counters are copied."""
    for mean, new in zip(averaged.state_dict().values(), latest.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(new, 1 - decay)
        else:
            mean.copy_(new)


def decay_over(steps: int) -> float:
    """Return the decay at which the mean is about the last tenth of a training of so many steps.

    What it began with then counts for e^-10 at the end, however short the training is.
    """
    return max(0.0, 1 - 10 / max(steps, 1))
