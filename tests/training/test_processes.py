"""Training that is killed, and training in several processes, ends with the weights of one that ran through."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.training.training_process import make_trainer
from training.batch import Share
from training.checkpoint import read_checkpoint
from training.errors import CheckpointError
from training.trainer import CHECKPOINT_FILE

ROOT = Path(__file__).parents[2]
PROGRAM = ["-m", "tests.training.training_process"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
EPOCHS = 3
STEPS = 6  # an epoch: twelve tones of two draws each, four a batch


def start(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def train(out: Path, *options: str) -> int:
    return start([*PROGRAM, str(out), str(EPOCHS), *options]).returncode


def weights(out: Path) -> dict[str, Tensor]:
    return torch.load(out / "weights.pt", weights_only=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    assert train(out) == 0
    return out


@pytest.mark.parametrize("step", [1, STEPS, 2 * STEPS + 5])
def test_a_run_killed_at_any_step_ends_with_the_same_bits(whole: Path, tmp_path: Path, step: int) -> None:
    assert train(tmp_path, "--die-at", str(step)) == -signal.SIGKILL
    assert not (tmp_path / "weights.pt").exists()
    assert train(tmp_path) == 0
    expected = weights(whole)
    assert all(torch.equal(value, expected[key]) for key, value in weights(tmp_path).items())


def test_a_checkpoint_inside_an_epoch_knows_its_step(tmp_path: Path) -> None:
    assert train(tmp_path, "--die-at", str(STEPS + 3)) == -signal.SIGKILL
    state = read_checkpoint(tmp_path / CHECKPOINT_FILE)
    assert (state["epoch"], state["step"]) == (1, 2)


def test_two_processes_do_the_steps_of_one(tmp_path: Path) -> None:
    """The same global batches; without dropout, whose draws no two processes share."""
    options = [str(EPOCHS), "--dropout", "0"]
    assert start([*PROGRAM, str(tmp_path / "one"), *options]).returncode == 0
    done = start([*TORCHRUN, *PROGRAM, str(tmp_path / "two"), *options])
    assert done.returncode == 0, done.stderr
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys()
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5)
    alone = make_trainer(EPOCHS, dropout=0.0)
    with pytest.raises(CheckpointError, match="written by 2 processes, and these are 1"):
        alone.resume(tmp_path / "two" / CHECKPOINT_FILE)


@pytest.mark.slow
def test_two_processes_that_are_killed_go_on_with_the_same_bits(tmp_path: Path) -> None:
    """With all that each of them draws by itself, and with a batch norm, which hears its share alone."""
    options = [str(EPOCHS), "--norm"]
    assert start([*TORCHRUN, *PROGRAM, str(tmp_path / "whole"), *options]).returncode == 0
    cut = [*TORCHRUN, *PROGRAM, str(tmp_path / "cut"), *options]
    assert start([*cut, "--die-at", str(STEPS + 3)]).returncode != 0
    assert read_checkpoint(tmp_path / "cut" / CHECKPOINT_FILE)["step"] == 2
    assert start(cut).returncode == 0
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert whole["encoder.layers.0.running_mean"].abs().sum() > 0
    assert all(torch.equal(value, whole[key]) for key, value in resumed.items())


@pytest.mark.parametrize(("size", "count"), [(8, 2), (7, 3), (64, 5)])
def test_shares_are_all_of_a_batch_in_order(size: int, count: int) -> None:
    rows = [row for index in range(count) for row in range(size)[Share(index, count).of(size)]]
    assert rows == list(range(size))
