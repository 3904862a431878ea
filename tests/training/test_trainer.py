"""The training loop on tiny real clips: it learns, it is deterministic, and a stopped run ends the same."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.audio_encoder import AudioEncoder
from training.captions import ClipText
from training.checkpoint import read_checkpoint
from training.dataset import AlignmentData, DrawChoices
from training.errors import CheckpointError, DivergedError
from training.trainer import CHECKPOINT_FILE, EpochReport, Trainer, TrainerConfig

RATE = 1_000
WORDS = ("low", "middle", "high")


class Spectrum(AudioEncoder):
    """The smallest encoder that can tell three pitches apart."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_dim, self.sample_rate_hz = 8, RATE
        self.layers = nn.Sequential(nn.Linear(16, 16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, waveforms: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(waveforms, n=512).abs().log1p()[:, :256]
        return self.layers(spectrum.unflatten(1, (16, 16)).mean(2))


@dataclass
class WordVectors:
    """Fixed random directions for words: what a frozen anchor gives."""

    table: dict[str, np.ndarray]

    def add(self, texts: list[str]) -> None:
        for text in texts:
            seed = sum(map(ord, text))
            vector = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
            self.table.setdefault(text, vector / np.linalg.norm(vector))

    def rows(self, texts: list[str]) -> np.ndarray:
        return np.stack([self.table[text] for text in texts])


def data() -> AlignmentData:
    time_s = np.arange(2 * RATE) / RATE
    tones = [(np.sin(2 * np.pi * (50 + 150 * (i % 3)) * time_s) * 20_000).astype(np.int16) for i in range(12)]
    texts = [ClipText(captions=(WORDS[i % 3],), tags=(), tag_weights=()) for i in range(12)]
    choices = DrawChoices(batch_size=4, mixture_share=0.2, machine_share=0.0, lengths_s=(1.0, 1.5))
    vectors = WordVectors({})
    return AlignmentData(tones, texts, vectors, sample_rate_hz=RATE, choices=choices, mixtures=4, seed=0)  # pyright: ignore[reportArgumentType]


def trainer(epochs: int = 3, lr: float = 1e-2) -> Trainer:
    torch.manual_seed(0)
    return Trainer(Spectrum(), data(), TrainerConfig(epochs=epochs, lr=lr), run_id="test")


def run(subject: Trainer, out: Path) -> list[EpochReport]:
    reports: list[EpochReport] = []
    subject.run(out, evaluate=lambda _: {}, on_epoch=reports.append, on_batch=lambda _clips, _loss: None)
    return reports


def weights(subject: Trainer) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name in ("encoder", "averaged")
        for key, value in getattr(subject, name).state_dict().items()
    }


def test_the_loss_falls(tmp_path: Path) -> None:
    reports = run(trainer(epochs=8), tmp_path)
    assert reports[-1].loss < 0.5 * reports[0].loss


def test_a_run_stopped_inside_an_epoch_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = trainer()
    run(whole, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop_in_the_second_epoch(report: EpochReport) -> None:
        if report.epoch == 1:
            interrupted.encoder.register_forward_hook(stop)

    def stop(*_: object) -> None:
        raise Stop

    interrupted = trainer()
    with pytest.raises(Stop):
        interrupted.run(
            tmp_path / "cut",
            evaluate=lambda _: {},
            on_epoch=stop_in_the_second_epoch,
            on_batch=lambda _clips, _loss: None,
        )
    resumed = trainer()
    resumed.resume(tmp_path / "cut" / CHECKPOINT_FILE)
    assert resumed.epoch == 1
    run(resumed, tmp_path / "cut")
    expected = weights(whole)
    assert all(torch.equal(value, expected[key]) for key, value in weights(resumed).items())


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    run(trainer(epochs=1), tmp_path)
    with pytest.raises(CheckpointError, match="other data or settings"):
        trainer(epochs=2).resume(tmp_path / CHECKPOINT_FILE)


def test_a_broken_checkpoint_is_refused(tmp_path: Path) -> None:
    run(trainer(epochs=1), tmp_path)
    checkpoint = tmp_path / CHECKPOINT_FILE
    checkpoint.write_bytes(checkpoint.read_bytes()[:300])
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        read_checkpoint(checkpoint)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    subject = trainer(epochs=2)

    def poison(_: EpochReport) -> None:
        with torch.no_grad():
            next(subject.encoder.parameters()).fill_(float("nan"))

    with pytest.raises(DivergedError, match="epoch 2"):
        subject.run(tmp_path, evaluate=lambda _: {}, on_epoch=poison, on_batch=lambda _clips, _loss: None)
    assert all(
        torch.isfinite(value).all()
        for value in read_checkpoint(tmp_path / CHECKPOINT_FILE)["encoder"].values()
    )
