"""Presets: plain data, each of which an encoder can be made of."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model.audio_encoders import KINDS, start_encoder
from model.beats_checkpoint import load_beats
from model.encoder_presets import ENCODER_PRESETS, encoder_preset
from model.errors import PresetError, WeightsError
from model.imagenet import imagenet_weights
from tests.model import beats_reference, eat_reference

SMALL = [preset for preset in ENCODER_PRESETS if preset.name.endswith("-small")]


def test_names_are_unique_and_kinds_known() -> None:
    assert len({preset.name for preset in ENCODER_PRESETS}) == len(ENCODER_PRESETS)
    assert {preset.kind for preset in ENCODER_PRESETS} == KINDS.keys() - {"compact"}
    for preset in ENCODER_PRESETS:
        assert (preset.checkpoint is not None) == (preset.name == preset.kind != "ear")
        config = KINDS[preset.kind].config(embed_dim=8, **preset.sizes)
        assert config.embed_dim == 8


def test_listing_them_imports_nothing_heavy() -> None:
    program = "import sys, model.encoder_presets; print([n for n in ('torch', 'timm') if n in sys.modules])"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_an_unknown_name_is_answered_with_names_like_it() -> None:
    assert encoder_preset("eat").kind == "eat"
    with pytest.raises(PresetError, match="no audio encoder is called 'htsat'; did you mean hts-at"):
        encoder_preset("htsat")
    with pytest.raises(PresetError, match="there are beats, hts-at"):
        encoder_preset("zzz")


@pytest.mark.parametrize("preset", SMALL, ids=lambda preset: preset.name)
def test_the_small_ones_are_small_and_follow_from_the_seed(preset) -> None:
    encoder, again, other = (
        start_encoder(preset, embed_dim=64, checkpoint=None, seed=seed) for seed in (1, 1, 2)
    )
    assert 1.7e6 < sum(parameter.numel() for parameter in encoder.parameters()) < 4e6
    weights = encoder.state_dict()
    assert all(torch.equal(weights[key], tensor) for key, tensor in again.state_dict().items())
    assert not torch.equal(weights["projection.weight"], other.state_dict()["projection.weight"])


def test_the_ear_starts_from_imagenet() -> None:
    ear = start_encoder(encoder_preset("ear"), embed_dim=8, checkpoint=None, seed=0)
    name = "blocks.0.0.conv_dw.weight"
    assert torch.equal(ear.state_dict()[f"network.{name}"], imagenet_weights()[name])


def test_sizes_come_from_the_checkpoint() -> None:
    beats = start_encoder(encoder_preset("beats"), embed_dim=8, checkpoint=beats_reference.REFERENCE, seed=0)
    published = load_beats(beats_reference.REFERENCE)
    assert beats.config.layers == published.config.layers == 2
    stored = published.state_dict()
    assert all(torch.equal(beats.state_dict()[f"beats.{key}"], tensor) for key, tensor in stored.items())
    eat = start_encoder(encoder_preset("eat"), embed_dim=8, checkpoint=eat_reference.REFERENCE, seed=0)
    assert (eat.config.width, eat.embed_dim) == (16, 8)


@pytest.mark.parametrize("name", ["ear", "beats-small", "eat-small"])
def test_what_has_no_published_weights_takes_no_checkpoint(name: str) -> None:
    with pytest.raises(PresetError, match=f"the encoder {name} takes no checkpoint"):
        start_encoder(encoder_preset(name), embed_dim=8, checkpoint=Path("weights.pt"), seed=0)


@pytest.mark.parametrize("name", ["beats", "hts-at", "audio-mae", "eat"])
def test_another_encoders_checkpoint_is_refused(name: str) -> None:
    wrong = eat_reference.REFERENCE if name != "eat" else beats_reference.REFERENCE
    with pytest.raises(WeightsError):
        start_encoder(encoder_preset(name), embed_dim=8, checkpoint=wrong, seed=0)
