"""AudioMAE: against timm's own forward pass at full length, what a shorter clip hears, and both published formats.

At the published size, the encoder of AudioMAE's code as ``audioldm2`` 0.1.0 carries it gave the same tokens bit for bit
from the same file, and the table of positions was equal.
"""

import argparse
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torchaudio.compliance import kaldi

from model.audio_mae import AudioMaeConfig, AudioMaeEncoder, load_audio_mae
from model.errors import WeightsError
from tests.model.beats_reference import waveforms

WIDTH = 64


@pytest.fixture(scope="module")
def vit() -> VisionTransformer:
    """The published architecture at a tiny size, random in every parameter."""
    torch.manual_seed(0)
    network = VisionTransformer(
        img_size=(1024, 128), in_chans=1, num_classes=0, embed_dim=WIDTH, depth=2, num_heads=1
    ).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network


@pytest.fixture
def published(vit: VisionTransformer, tmp_path: Path) -> Path:
    """A folder in timm's format."""
    save_file(vit.state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def published_images(waves: Tensor) -> Tensor:
    """Return what the published code reads, filled up to 1024 frames, (N, 1, 1024, 128)."""
    levels = torch.zeros(len(waves), 1, 1024, 128)
    for row, wave in enumerate(waves - waves.mean(1, keepdim=True)):
        level = kaldi.fbank(
            wave[None],
            htk_compat=True,
            sample_frequency=16_000,
            use_energy=False,
            window_type="hanning",
            num_mel_bins=128,
            dither=0.0,
            frame_shift=10,
        )
        levels[row, 0, : len(level)] = level
    return (levels + 4.2677393) / (4.5689974 * 2)


@pytest.mark.parametrize("seconds", [0.3, 2.57, 10.0])
def test_the_front_end_agrees_with_the_published_one(seconds: float) -> None:
    encoder = AudioMaeEncoder(AudioMaeConfig(embed_dim=8, layers=1, width=16, heads=1)).eval()
    ours = encoder.images(waveforms(seconds))
    theirs = published_images(waveforms(seconds))
    frames = ours.shape[2]
    assert frames % 16 == 0
    apart = (ours - theirs[:, :, :frames]).abs()
    assert apart.max() < 1e-3  # beside a loud tone, single precision tells
    assert apart.mean() < 1e-5
    assert theirs[:, :, frames:].unique().numel() <= 1  # what is left out is all filling


def test_a_published_network_says_the_same_at_full_length(vit: VisionTransformer, published: Path) -> None:
    ours = load_audio_mae(published, 8).eval()
    images = published_images(waveforms(10.0))
    with torch.inference_mode():
        theirs = vit.forward_features(images)[:, 1:]
        torch.testing.assert_close(ours.tokens(images), theirs)
        whole = torch.nn.functional.pad(waveforms(10.0), (0, 10_000))[:, : 160 * 1023 + 400]  # 1024 frames
        mean = vit.forward_features(ours.images(whole))[:, 1:].mean(1)
        torch.testing.assert_close(ours(whole), ours.projection(mean))


def test_a_short_clip_lies_where_it_would_lie_in_a_long_one(published: Path) -> None:
    ours = load_audio_mae(published, 8).eval()
    images = ours.images(waveforms(1.0))
    columns = images.shape[2] // 16
    with torch.inference_mode():
        tokens = ours.tokens(images)
        assert tokens.shape == (2, columns * 8, WIDTH)
        ours.vit.pos_embed[:, 1 + columns * 8 :] = 7.0  # pyright: ignore[reportOptionalSubscript]
        torch.testing.assert_close(ours.tokens(images), tokens, atol=0, rtol=0)  # later places do not matter
        ours.vit.pos_embed[:, columns * 8] += 1.0  # pyright: ignore[reportOptionalSubscript]
        assert not torch.equal(ours.tokens(images), tokens)


def test_the_makers_file_is_taken_without_its_decoder(vit: VisionTransformer, tmp_path: Path) -> None:
    encoder = vit.state_dict()
    decoder = {
        "mask_token": torch.ones(1, 1, 8),
        "decoder_blocks.0.norm1.weight": torch.ones(8),
        "decoder_pred.bias": torch.ones(3),
    }
    settings = {"epoch": 31, "args": argparse.Namespace(lr=1e-3)}
    torch.save({"model": encoder | decoder, **settings}, tmp_path / "pretrained.pth")
    ours = load_audio_mae(tmp_path / "pretrained.pth", 8)
    assert (ours.config.layers, ours.config.width, ours.config.heads) == (2, WIDTH, 1)
    assert all(torch.equal(encoder[key], tensor) for key, tensor in ours.vit.state_dict().items())


def test_another_architecture_is_refused(vit: VisionTransformer, tmp_path: Path) -> None:
    file = tmp_path / "mae.safetensors"
    for change, message in (
        ({"head.weight": torch.ones(2, WIDTH)}, "head.weight is not expected"),
        ({"pos_embed": torch.ones(1, 197, WIDTH)}, "pos_embed is"),
    ):
        save_file(vit.state_dict() | change, file)
        with pytest.raises(WeightsError, match=message):
            load_audio_mae(file, 8)
    save_file({"conv.weight": torch.ones(1)}, file)
    with pytest.raises(WeightsError, match="holds no vision transformer"):
        load_audio_mae(file, 8)
    file.write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match="cannot be read as a checkpoint"):
        load_audio_mae(file, 8)
