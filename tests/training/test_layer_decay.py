"""Which layer a parameter belongs to, and how fast it learns."""

import pytest
import torch
from torch import nn

from model.audio_encoders import build_encoder
from model.beats import BeatsEncoder
from tests.model.test_beats import TINY
from tests.model.tiny_encoders import TINY_AUDIO_MAE, TINY_EAT, TINY_HTSAT
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


def test_the_blocks_within_the_stages_of_htsat_are_counted_through() -> None:
    found = {name: rate for name, (rate, _) in rates(build_encoder(TINY_HTSAT), 0.5).items()}
    layers = "clap.audio_encoder.layers"
    assert found["projection.weight"] == 1.0
    assert found[f"{layers}.3.blocks.0.output.dense.weight"] == 0.5
    assert found[f"{layers}.1.blocks.0.output.dense.weight"] == 0.125
    assert (
        found[f"{layers}.0.blocks.1.output.dense.weight"]
        == found[f"{layers}.0.downsample.norm.bias"]
        == 0.0625
    )
    assert found[f"{layers}.0.blocks.0.output.dense.weight"] == 0.03125
    assert found["clap.audio_encoder.patch_embed.proj.weight"] == 0.015625


def test_patches_and_class_token_learn_slowest_in_vision_transformers() -> None:
    mae = {name: rate for name, (rate, _) in rates(build_encoder(TINY_AUDIO_MAE), 0.5).items()}
    assert mae["vit.cls_token"] == mae["vit.patch_embed.proj.weight"] == 0.125
    assert (mae["vit.blocks.0.mlp.fc1.weight"], mae["vit.norm.weight"]) == (0.25, 1.0)
    eat = {name: rate for name, (rate, _) in rates(build_encoder(TINY_EAT), 0.5).items()}
    assert eat["eat.extra_tokens"] == eat["eat.pre_norm.weight"] == 0.125
    assert (eat["eat.blocks.1.mlp.fc1.weight"], eat["projection.weight"]) == (0.5, 1.0)


@pytest.mark.parametrize(("encoder", "decay"), [(BeatsEncoder(TINY), 1.0), (nn.Linear(2, 2), 0.5)])
def test_without_layers_or_decay_all_learn_alike(encoder: nn.Module, decay: float) -> None:
    torch.manual_seed(0)
    assert {rate for rate, _ in rates(encoder, decay).values()} == {1.0}
