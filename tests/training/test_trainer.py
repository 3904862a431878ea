"""The training loop on tiny real clips: it learns, it is deterministic, and a stopped run ends the same."""

import errno
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training.tiny import DIM, Spectrum, tones
from training.checkpoint import read_checkpoint
from training.errors import CheckpointError, DivergedError
from training.loss import GradedObjective
from training.trainer import CHECKPOINT_FILE, EpochReport, Trainer, TrainerConfig


def trainer(epochs: int = 3, lr: float = 1e-2) -> Trainer:
    torch.manual_seed(0)
    data = tones()
    objective = GradedObjective(data.bank)
    return Trainer(Spectrum(), data, objective, TrainerConfig(epochs=epochs, lr=lr), run_id="test")


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


def test_a_gradient_that_is_no_number_stops_before_it_spoils_the_weights(tmp_path: Path) -> None:
    subject = trainer()
    first = next(subject.encoder.parameters())
    first.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(DivergedError, match="its gradient nan in step 1 of epoch 1"):
        run(subject, tmp_path)
    assert torch.isfinite(first).all()
    assert not (tmp_path / CHECKPOINT_FILE).exists()


def test_a_full_disk_is_said_and_the_last_checkpoint_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(trainer(epochs=1), tmp_path)
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        run(trainer(epochs=1), tmp_path)
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    run(trainer(), tmp_path)
    other = trainer()
    other.encoder = Wider()
    with pytest.raises(CheckpointError, match="another architecture"):
        other.resume(tmp_path / CHECKPOINT_FILE)


class Wider(Spectrum):
    """The same with a layer more."""

    def __init__(self) -> None:
        super().__init__()
        self.layers.append(nn.Linear(DIM, DIM))


def test_a_checkpoint_of_a_gpu_goes_on_by_the_cpu_s_own_optimiser(tmp_path: Path) -> None:
    on_gpu = trainer(epochs=1)
    for group in on_gpu.optimiser.param_groups:
        group["fused"] = True  # as the optimiser on a GPU writes it
    run(on_gpu, tmp_path)
    here = trainer(epochs=1)
    here.resume(tmp_path / CHECKPOINT_FILE)
    assert all(group["fused"] is False for group in here.optimiser.param_groups)
    assert here.learn(next(iter(here.data.batches(0)))) > 0
