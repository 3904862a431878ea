"""Folding batch norms: the same vectors without any, and nothing else touched."""

import torch
from timm.models.efficientnet import EfficientNet
from torch import nn

from model.folding import folded
from model.trained_ear import CompactAudioConfig, TrainedEar


def ear_with_history() -> TrainedEar:
    """An ear whose norms have seen something, so that folding them wrongly would show."""
    torch.manual_seed(0)
    ear = TrainedEar(CompactAudioConfig(embed_dim=8))
    for module in ear.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return ear.eval()


def norms(module: nn.Module) -> int:
    return sum(isinstance(inner, nn.BatchNorm2d) for inner in module.modules())


def test_embeds_the_same_without_any_norm() -> None:
    ear = ear_with_history()
    waveforms = 0.1 * torch.randn(3, 16_000)
    with torch.inference_mode():
        expected = ear(waveforms)
        found = folded(ear)(waveforms)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert norms(folded(ear)) == 0


def test_leaves_the_original_as_it_was() -> None:
    ear = ear_with_history()
    before = {name: tensor.clone() for name, tensor in ear.state_dict().items()}
    folded(ear)
    assert norms(ear) > 40
    after = ear.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_channels_stay_last() -> None:
    network = folded(ear_with_history()).network
    assert isinstance(network, EfficientNet)
    assert network.conv_head.weight.is_contiguous(memory_format=torch.channels_last)


def test_gives_back_what_has_nothing_to_fold() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    assert folded(module) is module
