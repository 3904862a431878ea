"""Learning to hear, from a small teacher: the loss falls, a stopped run ends the same, and bad taggers are named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.trained_ear import CompactAudioConfig, TrainedEar
from training.errors import CheckpointError, TaggerError
from training.hearing import Hearing, HearingConfig, HearingReport
from training.tagger import CLASSES, Tagger

RATE = 16_000


class Bands:
    """A teacher that hears how loud each of 521 bands is: the tagger's shape without its file."""

    def hear(self, waveforms: np.ndarray) -> np.ndarray:
        spectrum = np.log1p(np.abs(np.fft.rfft(waveforms, n=2 * CLASSES, axis=1))[:, :CLASSES])
        return np.concatenate([spectrum, spectrum], axis=1).astype(np.float32)


def hearing(epochs: int, *, run_id: str = "test") -> Hearing:
    time_s = np.arange(RATE) / RATE
    tones = [(np.sin(2 * np.pi * hz * time_s) * 20_000).astype(np.int16) for hz in (200, 900, 3_000)]
    torch.manual_seed(0)
    encoder = TrainedEar(CompactAudioConfig(embed_dim=8))
    config = HearingConfig(epochs=epochs, steps=2, batch_size=4, crop_s=0.6)
    return Hearing(encoder, tones, Bands(), config, run_id=run_id)  # pyright: ignore[reportArgumentType]


def run(subject: Hearing, out: Path) -> list[HearingReport]:
    reports: list[HearingReport] = []
    subject.run(out, on_epoch=reports.append)
    return reports


def weights(subject: Hearing) -> dict[str, Tensor]:
    return {**subject.encoder.state_dict(), **{f"head.{k}": v for k, v in subject.head.state_dict().items()}}


def test_the_loss_falls(tmp_path: Path) -> None:
    reports = run(hearing(6), tmp_path)
    assert reports[-1].loss < reports[0].loss
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5, 6]


def test_a_stopped_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(report: HearingReport) -> None:
        if report.epoch == 1:
            raise Stopped

    with pytest.raises(Stopped):
        hearing(3).run(tmp_path / "stopped", on_epoch=stop)
    resumed, whole = hearing(3), hearing(3)
    assert [report.epoch for report in run(resumed, tmp_path / "stopped")] == [2, 3]
    run(whole, tmp_path / "whole")
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(resumed)[name], value, atol=0, rtol=0)
    heard = resumed.heard().state_dict()
    torch.testing.assert_close(heard["network.conv_stem.weight"], whole.averaged.network.conv_stem.weight)


def test_a_checkpoint_of_other_data_is_refused(tmp_path: Path) -> None:
    run(hearing(1), tmp_path)
    with pytest.raises(CheckpointError, match="other data or settings"):
        run(hearing(1, run_id="else"), tmp_path)


def test_a_file_that_is_no_tagger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tagger.tflite"
    path.write_bytes(b"not a model")
    with pytest.raises(TaggerError, match=r"tagger\.tflite cannot be read as a TFLite model"):
        Tagger(path)
    with pytest.raises(TaggerError, match=r"missing\.tflite"):
        Tagger(tmp_path / "missing.tflite")
