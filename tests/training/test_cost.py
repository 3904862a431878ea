"""Both trainings that are compared train what they say, on the same pairs, and the table says what it is worth."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from typer.testing import CliRunner

from model.encoder_presets import EncoderPreset
from model.open_clip_anchor import OpenClipAnchor
from sonoglot.cli import app
from tests.model.tiny_open_clip import write_open_clip
from training.cost import FROZEN, TRI_MODAL, Outcome, cost_table, measure_cost, run
from training.cost_runs import CostSetup, FrozenRun, TriModalRun
from training.errors import DataError, MeteringError
from training.manifest import ManifestEntry, write_manifest
from training.metering import Spent, meter
from training.trimodal import info_nce

RATE = 16_000
TINY_BEATS = EncoderPreset(
    name="beats-tiny",
    kind="beats",
    about="a tiny BEATs",
    licence="none",
    window_s=1.0,
    sizes={"layers": 1, "width": 16, "feed_forward": 24, "heads": 2, "patch_dim": 12, "layer_drop": 0.0},
)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> CostSetup:
    """Six clips with captions, one of them with a picture, and one that is not trained on."""
    folder = tmp_path_factory.mktemp("cost")
    towers = folder / "towers"
    towers.mkdir()
    write_open_clip(towers)
    Image.new("RGB", (50, 40), "red").save(folder / "0.png")
    entries = []
    for row in range(7):
        noise = np.random.default_rng(row).standard_normal(RATE)
        soundfile.write(folder / f"{row}.wav", 0.1 * noise, RATE)
        entry = ManifestEntry(
            audio=folder / f"{row}.wav",
            captions=(f"noise number {row}", "a dog barks"),
            image=folder / "0.png" if row == 0 else None,
            split="train" if row < 6 else "val",
        )
        entries.append(entry)
    write_manifest(folder / "clips.jsonl", entries)
    return CostSetup(
        data=(folder / "clips.jsonl",),
        anchor=f"local-dir:{towers}",
        tag=None,
        encoder=TINY_BEATS,
        weights=None,
        pairs=9,
        batch_size=4,
        device="cpu",
    )


def copied(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def moved(module: torch.nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in module.named_parameters() if not value.equal(before[name])}


def test_the_frozen_recipe_trains_the_audio_encoder_alone(setup: CostSetup) -> None:
    training = FrozenRun(setup)
    encoder = training.trainer.encoder
    before = copied(encoder)
    training.train()
    assert {"projection.weight", "beats.patch_embedding.weight"} <= moved(encoder, before)
    assert isinstance(training.anchor, OpenClipAnchor)
    assert training.anchor.fingerprint == OpenClipAnchor.load(setup.anchor).fingerprint
    assert training.trainable == sum(value.numel() for value in before.values()) + 1  # and the temperature
    assert training.captions_s > 0


def test_the_other_trains_every_tower(setup: CostSetup) -> None:
    training = TriModalRun(setup)
    model = training.trainer.model
    before = copied(model)
    training.train()
    changed = moved(model, before)
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert changed == trained
    for tower in ("audio.", "towers.text.", "towers.visual.", "log_scale"):
        assert any(name.startswith(tower) for name in changed)
    assert training.trainable == sum(before[name].numel() for name in trained)
    assert {name for name in before if name not in trained} == {"towers.logit_scale"}


def test_both_see_the_same_pairs(setup: CostSetup) -> None:
    one, other = (list(kind(setup).clips.batches(3)) for kind in (FrozenRun, TriModalRun))
    for left, right in zip(one, other, strict=True):
        assert left.waveforms.equal(right.waveforms)
        assert (left.captions, left.pictures) == (right.captions, right.pictures)
        assert len({wave.sum().item() for wave in left.waveforms}) == setup.batch_size  # no clip twice
    seen = {caption for drawn in one for caption in drawn.captions}
    assert "noise number 6" not in seen  # of split val
    assert len(seen) > 2


def test_the_loss_is_least_where_what_belongs_together_is_alike() -> None:
    vectors = torch.eye(3)
    scale = torch.tensor(10.0)
    assert info_nce(vectors, vectors, scale) < 0.01
    assert info_nce(vectors, vectors.roll(1, 0), scale) > 5
    one, other = torch.nn.functional.normalize(torch.randn(2, 3, 4), dim=-1)
    torch.testing.assert_close(info_nce(one, other, scale), info_nce(other, one, scale))


@pytest.mark.slow
def test_the_command_writes_both_rows_and_what_they_are_worth(
    setup: CostSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["cost", "--data", str(setup.data[0]), "--anchor", setup.anchor, "--out", str(tmp_path)]
    arguments += ["--encoder", "beats-small", "--pairs", "4", "--batch-size", "2"]
    monkeypatch.setattr(sys, "argv", ["sonoglot", *arguments])
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    table = json.loads((tmp_path / "cost.json").read_text())
    frozen, whole = table["rows"]
    assert (frozen["training"], whole["training"]) == (FROZEN, TRI_MODAL)
    assert 0 < frozen["captions_s"] < frozen["seconds"]
    assert whole["captions_s"] == 0
    assert 0 < frozen["trainable"] < whole["trainable"]
    assert frozen["seconds_saved"] == pytest.approx(100 * (1 - frozen["seconds"] / whole["seconds"]))
    assert min(row[key] for row in (frozen, whole) for key in ("energy_wh", "peak_mib", "processor_s")) > 0
    notes = " ".join(table["notes"])
    assert "same 4 pairs" in notes
    assert "1 of 6 clips have a picture" in notes
    assert "Energy is an estimate" in notes
    assert "no retrieval is measured" in notes
    assert table["models"][0]["fingerprint"] == OpenClipAnchor.load(setup.anchor).fingerprint


def test_savings_are_of_the_frozen_recipe_against_the_other(setup: CostSetup) -> None:
    def outcome(cost: float) -> Outcome:
        spent = Spent(
            seconds=cost, processor_s=cost, cpu_wh=cost, ram_wh=cost, gpu_wh=0.0, peak_bytes=round(cost) << 20
        )
        return Outcome(
            spent=spent, captions_s=0.0, captions=7, trainable=5, clips=6, pictures=6, idle_bytes=0, device="a GPU"
        )  # fmt: skip

    table = cost_table(setup, {FROZEN: outcome(25.0), TRI_MODAL: outcome(100.0)})
    saved = [
        table.rows[0][key] for key in ("seconds_saved", "processor_saved", "energy_saved", "memory_saved")
    ]
    assert saved == [75.0] * 4
    assert "seconds_saved" not in table.rows[1]
    assert not any("estimate" in note for note in table.notes)  # a GPU's counter is none


def test_memory_is_counted_from_when_the_work_begins() -> None:
    """In a process of its own: what another test freed would be taken again without counting."""
    program = """
import numpy as np
from training.metering import meter
np.ones(90 << 17)  # before, and more
small = meter(lambda: None, device="cpu").peak_bytes
print(meter(lambda: np.ones(30 << 17), device="cpu").peak_bytes - small)  # 30 MiB
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 25 << 20 < int(done.stdout) < 60 << 20


def test_what_cannot_be_compared_is_said(setup: CostSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(changed: CostSetup) -> None:
        measure_cost(changed, on_stage=lambda _: None)

    with pytest.raises(DataError, match="give an OpenCLIP model"):
        refuse(replace(setup, anchor="compact"))
    with pytest.raises(DataError, match="do not fill one batch"):
        refuse(replace(setup, pairs=3))
    with pytest.raises(DataError, match="6 clips with captions can be read, fewer than the 8"):
        run(FROZEN, replace(setup, batch_size=8))
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with pytest.raises(MeteringError, match=r"pip install 'sonoglot\[train\]'"):
        meter(lambda: None, device="cpu")
