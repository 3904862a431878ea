"""Which layer a parameter belongs to, and how fast it learns."""

import pytest
import torch
from torch import nn

from model.beats import BeatsEncoder
from tests.model.test_beats import TINY
from training.layer_decay import parameter_groups


def rates(encoder: nn.Module, layer_decay: float) -> dict[str, tuple[float, float]]:
    """Return the rate and the weight decay of each parameter."""
    named = list(encoder.named_parameters())
    name_of = {id(parameter): name for name, parameter in named}
    groups = parameter_groups(named, layer_decay=layer_decay, weight_decay=0.1)
    found = [(name_of[id(p)], (g["rate"], g["weight_decay"])) for g in groups for p in g["params"]]
    assert len(found) == len(named)
    return dict(found)


def test_the_first_layers_of_beats_learn_slowest() -> None:
    found = rates(BeatsEncoder(TINY), 0.5)
    assert found["projection.weight"] == (1.0, 0.1)
    assert found["projection.bias"] == (1.0, 0.0)
    assert found["beats.encoder.layers.1.fc1.weight"] == (0.5, 0.1)
    assert found["beats.encoder.layers.0.fc1.bias"] == (0.25, 0.0)
    assert found["beats.patch_embedding.weight"] == (0.125, 0.1)
    assert found["beats.post_extract_proj.weight"] == (0.125, 0.1)
    assert found["beats.encoder.layer_norm.weight"] == (0.125, 0.0)


@pytest.mark.parametrize(("encoder", "decay"), [(BeatsEncoder(TINY), 1.0), (nn.Linear(2, 2), 0.5)])
def test_without_layers_or_decay_all_learn_alike(encoder: nn.Module, decay: float) -> None:
    torch.manual_seed(0)
    assert {rate for rate, _ in rates(encoder, decay).values()} == {1.0}
