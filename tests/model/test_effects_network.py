"""The frozen effects network: built as its checkpoint is, deaf to training, and able to tell real sounds apart."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.effects_network import (
    FEATURES,
    HOP_SIZE,
    MEL_BINS,
    SAMPLE_RATE_HZ,
    EffectsLogMel,
    EffectsNetwork,
    read_effects_weights,
)
from model.errors import MissingPartError


def as_checkpoint(network: EffectsNetwork) -> dict[str, torch.Tensor]:
    """Name weights as the published checkpoint does."""
    renamed = {}
    for key, tensor in network.state_dict().items():
        _, number, rest = key.split(".", 2)
        renamed[f"embedding_net.conv_block{int(number) + 1}.{rest}"] = tensor
    return renamed


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    network = EffectsNetwork()
    path = tmp_path / "checkpoint.pth"
    torch.save((as_checkpoint(network) | {"fc.0.weight": torch.ones(2)}, {"set": (np.int64(0), 78)}), path)
    weights = read_effects_weights(path)
    assert all(torch.equal(weights[key], tensor) for key, tensor in network.state_dict().items())


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    for name, content in (
        ("other.pth", ({"embedding_net.conv_block1.conv1.weight": torch.ones(1)}, {})),
        ("one.pth", 3),
    ):
        torch.save(content, tmp_path / name)
        with pytest.raises(MissingPartError, match=name):
            read_effects_weights(tmp_path / name)
    (tmp_path / "text.pth").write_text("not a checkpoint")
    with pytest.raises(MissingPartError, match="text"):
        read_effects_weights(tmp_path / "text.pth")


def test_a_tone_is_bright_in_the_band_of_its_pitch_at_any_level() -> None:
    seconds = torch.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = torch.sin(2 * torch.pi * 1_000 * seconds)[None]
    mels = EffectsLogMel()
    loud, quiet = mels(tone), mels(0.01 * tone)
    assert loud.shape == (1, 1, SAMPLE_RATE_HZ // HOP_SIZE + 1, MEL_BINS)
    per_band_mel = 2_595 * np.log10(1 + 22_050 / 700) / (MEL_BINS + 1)
    expected = 2_595 * np.log10(1 + 1_000 / 700) / per_band_mel - 1
    assert abs(int(loud[0, 0, 20].argmax()) - expected) <= 1
    torch.testing.assert_close(loud, quiet, atol=1e-3, rtol=0)


def test_training_leaves_it_as_it_is() -> None:
    for network in (EffectsNetwork(), EffectsNetwork().train()):
        before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        assert network(torch.randn(2, SAMPLE_RATE_HZ)).shape == (2, FEATURES)
        assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())
        assert not any(parameter.requires_grad for parameter in network.parameters())
