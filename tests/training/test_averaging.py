"""The running mean of weights moves every tensor, and copies what only counts."""

import torch
from torch import nn

from training.averaging import average_into


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_floats_move_and_counters_are_copied() -> None:
    torch.manual_seed(0)
    averaged, latest = network(), network()
    latest(torch.randn(5, 3))  # moves the statistics, and counts one batch
    expected = {
        name: tensor.lerp(latest.state_dict()[name], 0.25) if tensor.is_floating_point() else torch.tensor(1)
        for name, tensor in averaged.state_dict().items()
    }
    average_into(averaged, latest, decay=0.75)
    assert {
        name for name, tensor in averaged.state_dict().items() if not tensor.equal(expected[name])
    } == set()
    assert all(tensor.grad_fn is None for tensor in averaged.state_dict().values())
