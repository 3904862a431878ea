"""The running mean of a network's weights: what a training keeps, since it retrieves better than the last step's."""

import torch
from torch import nn


@torch.no_grad()
def average_into(averaged: nn.Module, latest: nn.Module, *, decay: float) -> None:
    """Move ``averaged`` the share ``1 - decay`` of the way to ``latest``; counters are copied."""
    pairs = list(zip(averaged.state_dict().values(), latest.state_dict().values(), strict=True))
    moved = [pair for pair in pairs if pair[0].is_floating_point()]
    # one call for all: on a GPU, hundreds of small tensors would otherwise be a kernel each
    means, latest_ones = [mean for mean, _ in moved], [new for _, new in moved]
    torch._foreach_lerp_(means, latest_ones, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
    for mean, new in pairs:
        if not mean.is_floating_point():
            mean.copy_(new)


def decay_over(steps: int) -> float:
    """Return the decay at which the mean is about the last tenth of a training of so many steps.

    What it began with then counts for e^-10 at the end, however short the training is.
    """
    return max(0.0, 1 - 10 / max(steps, 1))
