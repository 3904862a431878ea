"""BEATs against a published implementation at the same random weights, and what its checkpoints may and may not be.

``beats_reference`` makes the reference; at the published size the two were 8e-7 apart (its ``--full-size``).
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.beats import Beats, BeatsConfig, BeatsEncoder, BeatsEncoderConfig
from model.beats_checkpoint import convert_beats, load_beats
from model.errors import WeightsError
from model.torch_model import embed_windows
from tests.model.beats_reference import LENGTHS_S, REFERENCE, padding, waveforms

TINY = BeatsEncoderConfig(
    embed_dim=8,
    patch_dim=12,
    layers=2,
    width=16,
    feed_forward=24,
    heads=2,
    position_kernel=8,
    position_groups=4,
    buckets=16,
)
TABLE = "encoder.layers.1.self_attn.relative_attention_bias.weight"


@pytest.fixture(scope="module")
def beats() -> Beats:
    return load_beats(REFERENCE).eval()


def changed(tmp_path: Path, change: Callable[[dict], object]) -> Path:
    """Write the reference checkpoint with something changed."""
    stored = torch.load(REFERENCE, weights_only=True)
    change(stored)
    torch.save(stored, tmp_path / "beats.pt")
    return tmp_path / "beats.pt"


def far(ours: Tensor, theirs: Tensor) -> float:
    return ((ours - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize("seconds", LENGTHS_S)
def test_it_equals_a_published_implementation(beats: Beats, seconds: float) -> None:
    whole, padded = torch.load(REFERENCE, weights_only=True)["answers"][seconds]
    waves = waveforms(seconds)
    with torch.inference_mode():
        tokens, mask = beats(waves)
        assert mask is None
        assert far(tokens, whole) < 1e-5
        tokens, mask = beats(waves, padding(waves.shape[1]))
    assert far(tokens, padded) < 1e-5
    assert mask is not None
    assert far(whole[1], padded[1]) > 0.01  # or the mask would prove nothing
    assert not mask[0].any()
    assert mask[1].any()


def test_a_converted_checkpoint_says_the_same(beats: Beats, tmp_path: Path) -> None:
    convert_beats(REFERENCE, tmp_path / "beats.safetensors")
    converted = load_beats(tmp_path / "beats.safetensors").eval()
    assert converted.config == beats.config
    with torch.inference_mode():
        for ours, theirs in zip(converted(waveforms(1.0))[0], beats(waveforms(1.0))[0], strict=True):
            torch.testing.assert_close(ours, theirs, atol=0, rtol=0)


def test_a_fine_tuned_checkpoint_is_taken_without_its_classifier(tmp_path: Path) -> None:
    def fine_tune(stored: dict) -> None:
        stored["cfg"] |= {"finetuned_model": True, "predictor_class": 3}
        stored["model"] |= {"predictor.weight": torch.ones(3, 16), "predictor.bias": torch.ones(3)}
        stored["label_dict"] = {0: "/m/09x0r"}

    assert isinstance(load_beats(changed(tmp_path, fine_tune)), Beats)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["model"].pop("encoder.layers.1.fc1.bias"), "fc1.bias"),
        (lambda s: s["model"].update(extra=torch.ones(1)), "extra"),
        (lambda s: s["cfg"].update(encoder_layers=3), "encoder.layers.2"),
        (lambda s: s["cfg"].update(deep_norm=False), "another architecture: {'deep_norm': False}"),
        (lambda s: s["cfg"].pop("num_buckets"), "cfg lacks"),
        (lambda s: s["model"].update({TABLE: s["model"][TABLE] + 1}), "share no"),
        (lambda s: s.pop("model"), "'cfg' and 'model'"),
        (lambda s: s.update(cfg=7), "'cfg' and 'model'"),
    ],
)
def test_another_architecture_is_refused(
    tmp_path: Path, change: Callable[[dict], object], message: str
) -> None:
    with pytest.raises(WeightsError, match=message.replace("{", r"\{")):
        load_beats(changed(tmp_path, change))


def test_a_pickle_that_runs_a_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"cfg": {}, "model": Path("/")}, path)
    with pytest.raises(WeightsError, match="not a BEATs checkpoint"):
        load_beats(path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match=r"evil\.pt is not a BEATs checkpoint"):
        load_beats(path)
    with pytest.raises(WeightsError, match=r"missing\.safetensors"):
        load_beats(tmp_path / "missing.safetensors")


def test_the_encoder_takes_any_length_and_a_batch_changes_nothing() -> None:
    torch.manual_seed(0)
    encoder = BeatsEncoder(TINY).eval()
    waves = waveforms(1.0).numpy()
    together = embed_windows(encoder, waves)
    alone = embed_windows(encoder, waves[1:])
    assert together.shape == (2, 8)
    assert abs(together[1] - alone[0]).max() < 1e-5
    assert embed_windows(encoder, waves[:, :100]).shape == (2, 8)


def test_it_learns_with_dropped_layers() -> None:
    torch.manual_seed(0)
    encoder = BeatsEncoder(TINY).train()
    loss = encoder(waveforms(1.0)).square().mean()
    loss.backward()
    got = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert {
        "projection.weight",
        "beats.patch_embedding.weight",
        "beats.encoder.relative_attention_bias.weight",
    } <= got


def test_the_mask_is_laid_out_for_the_fast_kernels_of_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask with another layout or number of keys silently takes the slow way on a GPU."""
    masks: list[Tensor] = []
    attend = F.scaled_dot_product_attention

    def listening(*tensors: Tensor, attn_mask: Tensor, dropout_p: float) -> Tensor:
        masks.append(attn_mask)
        return attend(*tensors, attn_mask=attn_mask, dropout_p=dropout_p)

    monkeypatch.setattr(F, "scaled_dot_product_attention", listening)
    beats = Beats(BeatsConfig(layers=1, width=32, feed_forward=32, heads=4, patch_dim=16)).train()
    with torch.autocast("cpu", torch.bfloat16):
        beats(torch.randn(2, 160_000))
    (mask,) = masks
    assert mask.shape == (2, 4, 496, 496)  # ten seconds: 62 columns of 8 bands, and a multiple of 8
    assert mask.is_contiguous()
    assert mask.dtype == torch.bfloat16
