"""What every audio encoder promises: any length, the same vector in any batch, training that reaches all of it, and a
model directory that holds it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.audio_encoders import AudioConfig, audio_config_fields, build_encoder, read_audio_config
from model.config import AnchorReference, ModelConfig
from model.directory import DEFAULT_MODEL_DIR
from model.errors import ModelDirectoryError, TooLongError, WeightsError
from model.open_clip_anchor import OpenClipAnchor
from model.torch_directory import load_torch_model, save_model
from model.torch_model import embed_windows
from model.trained_ear import EarConfig
from tests.model.tiny_encoders import DIM, TINY_AUDIO_MAE, TINY_BEATS, TINY_EAT, TINY_HTSAT
from tests.model.tiny_open_clip import write_open_clip

CONFIGS = {
    "beats": TINY_BEATS,
    "hts-at": TINY_HTSAT,
    "audio-mae": TINY_AUDIO_MAE,
    "eat": TINY_EAT,
    "ear": EarConfig(embed_dim=DIM),
}
every_kind = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def noises(seconds: float, rate_hz: int) -> Tensor:
    """Return three different noises, one of them faint, (3, samples)."""
    generator = torch.Generator().manual_seed(round(1000 * seconds))
    noise = torch.randn(3, round(seconds * rate_hz), generator=generator)
    return noise * torch.tensor([0.3, 0.1, 0.001])[:, None]


@every_kind
def test_any_length_has_one_vector_and_a_batch_does_not_change_it(config: AudioConfig) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(config).eval()
    for seconds in (0.05, 0.5, 3.0, 10.0):
        waves = noises(seconds, encoder.sample_rate_hz).numpy()
        together = embed_windows(encoder, waves)
        assert together.shape == (3, encoder.embed_dim) == (3, DIM)
        assert np.isfinite(together).all()
        assert abs(embed_windows(encoder, waves[1:2]) - together[1:2]).max() < 1e-5
        np.testing.assert_array_equal(embed_windows(encoder, waves), together)
        assert abs(together[0] - together[2]).max() > 1e-4  # or it hears nothing


@every_kind
def test_training_reaches_every_parameter_and_blanks_at_random(config: AudioConfig) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(config).train()
    waves = noises(3.0, encoder.sample_rate_hz)
    vectors = encoder(waves)
    (vectors * torch.randn_like(vectors)).sum().backward()
    missed = [
        name
        for name, parameter in encoder.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    # a bias that all keys share moves no attention, so that its gradient may round to nothing
    assert [name for name in missed if not name.endswith(("k_proj.bias", "key.bias"))] == []
    assert not torch.equal(encoder(waves), encoder(waves))


@pytest.mark.parametrize(
    ("config", "seconds"), [(TINY_HTSAT, 10.1), (TINY_AUDIO_MAE, 10.3), (TINY_EAT, 10.3)]
)
def test_what_is_longer_than_it_hears_at_once_is_refused(config: AudioConfig, seconds: float) -> None:
    encoder = build_encoder(config)
    with pytest.raises(TooLongError, match=f"{seconds} s of sound"):
        encoder(torch.zeros(1, round(seconds * encoder.sample_rate_hz)))


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> AnchorReference:
    folder = tmp_path_factory.mktemp("open-clip")
    write_open_clip(folder)
    name = f"local-dir:{folder}"
    return AnchorReference(model_name=name, tag=None, fingerprint=OpenClipAnchor.load(name).fingerprint)


@every_kind
def test_a_model_directory_holds_it(config: AudioConfig, anchor: AnchorReference, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(config).eval()
    weights = encoder.state_dict()
    model_config = ModelConfig(name="tiny", anchor=anchor, audio_encoder=config)
    save_model(tmp_path, config=model_config, anchor={}, audio=weights, card="")
    model = load_torch_model(tmp_path)
    assert model.audio_encoder.config == config
    waves = noises(1.0, encoder.sample_rate_hz).numpy()
    expected = embed_windows(encoder, waves)
    np.testing.assert_array_equal(embed_windows(model.audio_encoder, waves), expected)
    # To embed, an ear has its norms folded, which rounds otherwise.
    np.testing.assert_allclose(model.embed_audio(waves), expected, atol=1e-6)
    save_model(
        tmp_path,
        config=model_config,
        anchor={},
        audio={key: tensor for key, tensor in weights.items() if key != "projection.bias"},
        card="",
    )
    with pytest.raises(WeightsError, match=r"projection\.bias is missing"):
        load_torch_model(tmp_path)


@every_kind
def test_config_json_names_the_kind(config: AudioConfig) -> None:
    fields = json.loads(json.dumps(audio_config_fields(config)))
    assert CONFIGS[fields["kind"]] == config
    assert read_audio_config(fields) == config


def test_the_compact_encoder_is_the_one_without_a_kind() -> None:
    stored = json.loads((DEFAULT_MODEL_DIR / "config.json").read_text("utf-8"))["audio_encoder"]
    assert audio_config_fields(read_audio_config(stored)) == stored
    assert "kind" not in stored


def test_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no audio encoder is called 'whale'; there are compact, ear, beats"):
        read_audio_config({"kind": "whale", "embed_dim": 8})
    stored = json.loads((DEFAULT_MODEL_DIR / "config.json").read_text("utf-8"))
    stored["audio_encoder"]["kind"] = ["beats"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    with pytest.raises(ModelDirectoryError, match="not a valid model configuration"):
        load_torch_model(tmp_path)
