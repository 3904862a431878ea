"""The benchmark compares two ways to compute the same, and says where it knows no peak."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.naive import PADDING, TextTower, made_naive, token_ids
from benchmarks.peaks import peak_of
from benchmarks.training_step import SIZES, Measured, Report, described, main, waveforms
from model.beats import BeatsEncoder

SMALL = SIZES["small"]


def test_the_naive_encoder_hears_the_same() -> None:
    torch.manual_seed(0)
    encoder = BeatsEncoder(SMALL.beats).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))  # biases and gates, too
        waves = waveforms(SMALL)
        ours = encoder(waves)
        naive = made_naive(encoder)(waves)
    torch.testing.assert_close(naive, ours, atol=1e-3, rtol=1e-3)
    assert not ours[0].allclose(ours[1], atol=1e-3)


def test_the_text_tower_reads_no_padding() -> None:
    tower = TextTower(SMALL.text, SMALL.beats.embed_dim)
    ids = token_ids(3, SMALL.text.vocab_size)
    vectors = tower(ids)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(tower(ids[:, :20]), vectors, atol=1e-5, rtol=1e-5)
    assert (ids[:, 20:] == PADDING).all()


def test_on_a_cpu_it_says_what_it_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--device", "cpu", "--steps", "1", "--json", str(tmp_path / "step.json")])
    said = capsys.readouterr().out
    assert "the small size is measured" in said
    assert "MFU is not given: the peak of CPU" in said
    report = json.loads((tmp_path / "step.json").read_text())
    assert report["mfu"] is None
    assert report["ratio"] == pytest.approx(report["naive"]["step_s"] / report["ours"]["step_s"])
    # the linear maps of the layers alone: two for each weight and token, three times (both gradients)
    weights = SMALL.beats.layers * (4 * 96**2 + 2 * 96 * 384)
    tokens = SMALL.clips * 12 * 8  # columns and bands of 2 s
    assert 1 < report["flops"] / (3 * 2 * weights * tokens) < 2  # attention and convolutions beside


def test_the_share_of_the_peak_is_of_the_card_s() -> None:
    assert peak_of("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_of("NVIDIA H100 PCIe") == 756e12
    assert peak_of("NVIDIA A100-SXM4-80GB") == peak_of("NVIDIA A100 80GB PCIe") == 312e12
    assert peak_of("NVIDIA L40S") == 362e12
    assert peak_of("NVIDIA L4") == 121e12
    assert peak_of("NVIDIA Something 9000") is None
    measured = Measured(step_s=0.1, clips_per_second=640.0, peak_bytes=1 << 30)
    report = Report(
        size="full", device="NVIDIA L4", steps=3, clips=64, seconds=10.0, ours=measured, naive=measured, ratio=1.0,
        flops=10**12, peak_flops=121e12, mfu=10 / 121, torch="2",
    )  # fmt: skip
    assert "MFU 8.3 % of 121 TFLOP/s" in described(report)
