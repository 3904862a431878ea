"""HTS-AT: its front end against CLAP's own, and a published CLAP of the real class against what is made of it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import ClapAudioConfig, ClapAudioModelWithProjection, ClapFeatureExtractor

from model.errors import WeightsError
from model.htsat import ClapLevels, HtsAtConfig, load_htsat

RATE_HZ = 48_000


def waveforms(seconds: float) -> Tensor:
    """Return a loud noise, a tone that fades in, and silence, (3, samples)."""
    samples = round(RATE_HZ * seconds)
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(samples))
    tone = torch.sin(torch.arange(samples) * 0.1) * torch.linspace(0, 1, samples)
    return torch.stack([0.3 * noise, 0.1 * tone, torch.zeros(samples)])


def published_features(waves: Tensor) -> Tensor:
    """Return what CLAP's extractor makes, with what ``clap-htsat-unfused`` sets of it, (N, 1, 1001, 64)."""
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc", padding="repeatpad")
    features = extractor(list(waves.numpy()), sampling_rate=RATE_HZ, return_tensors="pt")
    return features["input_features"].float()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as transformers writes a CLAP's audio tower and its projection, at a tiny size."""
    folder = tmp_path_factory.mktemp("clap")
    torch.manual_seed(0)
    random_clap().save_pretrained(folder)
    return folder


def random_clap(*, fused: bool = False) -> ClapAudioModelWithProjection:
    """Return a tiny CLAP with every parameter and statistic random."""
    config = ClapAudioConfig(
        patch_embeds_hidden_size=8,
        hidden_size=64,
        depths=[2, 1, 1, 1],
        num_attention_heads=[1, 2, 2, 4],
        window_size=4,
        projection_dim=16,
        enable_fusion=fused,
    )
    clap = ClapAudioModelWithProjection(config).eval()
    with torch.no_grad():
        for parameter in clap.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        norm = clap.audio_model.audio_encoder.batch_norm
        norm.running_mean.uniform_(-60, -20)  # pyright: ignore[reportOptionalMemberAccess]
        norm.running_var.uniform_(100, 400)  # pyright: ignore[reportOptionalMemberAccess]
    return clap


@pytest.mark.parametrize("seconds", [0.05, 0.5, 3.0, 7.3, 10.0])
def test_the_front_end_agrees_with_claps(seconds: float) -> None:
    waves = waveforms(seconds)
    ours, theirs = ClapLevels()(waves), published_features(waves)
    assert ours.shape == theirs.shape == (3, 1, 1001, 64)
    apart = (ours - theirs).abs()  # dB; theirs is in double precision, which tells beside a loud tone
    assert apart.max() < 0.05
    assert apart.mean() < 1e-3
    assert theirs.max() - theirs.min() > 50


def test_mixed_precision_does_not_reach_the_front_end() -> None:
    waves = waveforms(0.5)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = ClapLevels()(waves)
    torch.testing.assert_close(mixed, ClapLevels()(waves), atol=0, rtol=0)


@pytest.mark.parametrize("seconds", [3.0, 10.0])
def test_a_published_tower_says_the_same(published: Path, seconds: float) -> None:
    theirs = ClapAudioModelWithProjection.from_pretrained(published).eval().audio_model
    ours = load_htsat(published, 8).eval()
    assert ours.config == HtsAtConfig(
        embed_dim=8, width=8, depths=(2, 1, 1, 1), heads=(1, 2, 2, 4), attention_window=4
    )
    waves = waveforms(seconds)
    with torch.inference_mode():
        expected = theirs(published_features(waves)).pooler_output
        torch.testing.assert_close(ours(waves), ours.projection(expected), atol=1e-4, rtol=1e-4)
    assert (expected[0] - expected[2]).abs().max() > 1e-3


def test_a_pickle_and_a_whole_clap_are_taken_too(published: Path, tmp_path: Path) -> None:
    tensors = load_file(published / "model.safetensors")
    torch.save(tensors | {"text_model.embeddings.weight": torch.ones(2), "logit_scale_a": torch.ones(())},
               tmp_path / "pytorch_model.bin")  # fmt: skip
    for path in (tmp_path, tmp_path / "pytorch_model.bin"):
        again = load_htsat(path, 8).clap.state_dict()
        assert all(torch.equal(tensors[f"audio_model.{key}"], tensor) for key, tensor in again.items())


def test_another_architecture_is_refused(published: Path, tmp_path: Path) -> None:
    tensors = load_file(published / "model.safetensors")
    file = tmp_path / "clap.safetensors"

    def refusal() -> str:
        save_file(tensors, file)
        with pytest.raises(WeightsError) as caught:
            load_htsat(file, 8)
        return str(caught.value)

    tensors["audio_model.extra"] = torch.ones(1)
    assert "extra is not expected" in refusal()
    del tensors["audio_model.extra"], tensors["audio_model.audio_encoder.norm.bias"]
    assert "audio_encoder.norm.bias is missing" in refusal()
    tensors = load_file(published / "model.safetensors")
    table = "audio_model.audio_encoder.layers.1.blocks.0.attention.self.relative_position_bias_table"
    tensors[table] = torch.ones(49, 3)
    assert "not a multiple of the number of attention heads" in refusal()
    tensors[table] = torch.ones(49)
    assert "holds no audio tower of CLAP" in refusal()
    tensors = {"vit.cls_token": torch.ones(1)}
    assert "holds no audio tower of CLAP" in refusal()
    random_clap(fused=True).save_pretrained(tmp_path / "fused")
    with pytest.raises(WeightsError, match=r"of another architecture: .*not expected"):
        load_htsat(tmp_path / "fused", 8)


def test_a_pickle_that_runs_a_program_is_refused(tmp_path: Path) -> None:
    torch.save({"audio_model.x": Path("/")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="cannot be read as a checkpoint"):
        load_htsat(tmp_path, 8)
    torch.save([torch.ones(1)], tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="tensors by name are expected"):
        load_htsat(tmp_path, 8)
    with pytest.raises(WeightsError, match=r"model\.safetensors or pytorch_model\.bin is expected"):
        load_htsat(tmp_path / "..", 8)
    with pytest.raises(WeightsError, match=r"missing\.bin"):
        load_htsat(tmp_path / "missing.bin", 8)
