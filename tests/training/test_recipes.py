"""The recipe of the default model, end to end on a handful of clips: what it writes is whole and can be used."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from model.directory import DEFAULT_MODEL_DIR, load_model
from model.torch_directory import AUDIO_PREFIX, load_tensors
from sonoglot.cli import app
from training.errors import DataError
from training.manifest import ManifestEntry, read_manifest, write_manifest
from training.progress import Progress
from training.recipes.compact import compact

RATE = 16_000
NOT_DESCRIBED = (4, 7)  # of the sixteen clips to train on


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    seconds = np.arange(2 * RATE) / RATE
    entries = []
    for row in range(20):
        name, sound = (
            ("hiss", rng.standard_normal(len(seconds))),
            ("tone", np.sin(2 * np.pi * 200 * (1 + row) * seconds)),
        )[row % 2]
        soundfile.write(folder / f"{row}.wav", 0.2 * sound, RATE)
        split = "val" if row >= 16 else "train"
        described = row not in NOT_DESCRIBED
        entries.append(
            ManifestEntry(
                audio=folder / f"{row}.wav",
                captions=(f"a {name}",) if described else (),
                label=name if described else None,
                tags=((name, 0.9),),
                split=split,
            )
        )
    write_manifest(folder / "clips.jsonl", entries)
    return folder / "clips.jsonl"


def run(manifest: Path, out: Path, *, only_ear: int | None = None) -> tuple[dict, list[str]]:
    """Return the figures, and what was said while training."""
    stages: list[str] = []
    progress = Progress(on_stage=stages.append, on_batch=lambda *_: None, on_epoch=lambda _: None)
    figures = compact([manifest], out, epochs=1, only_ear=only_ear, command="a test", progress=progress)
    return figures, stages


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model that the whole recipe made, and what it told."""

    directory: Path
    figures: dict
    stages: list[str]


@pytest.fixture(scope="module")
def whole(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    directory = tmp_path_factory.mktemp("whole") / "out"
    figures, stages = run(manifest, directory)
    return Trained(directory=directory, figures=figures, stages=stages)


def test_what_comes_back_is_a_whole_model_with_all_ears_aligned(whole: Trained) -> None:
    assert 0 <= whole.figures["classes"]["map"] <= 1
    trained, shipped = load_tensors(whole.directory), load_tensors(DEFAULT_MODEL_DIR)
    assert trained.keys() == shipped.keys()
    for ear in range(4):
        aligned = f"{AUDIO_PREFIX}ears.{ear}.projection.weight"
        assert not torch.equal(trained[aligned], shipped[aligned])
    model = load_model(whole.directory)
    assert np.isfinite(model.embed_audio(np.zeros((1, model.window_samples), np.float32))).all()
    card = (whole.directory / "README.md").read_text("utf-8")
    assert "Fingerprint: `" in card
    assert "drawn towards 7,000 words" in card
    heard = [stage for stage in whole.stages if stage.startswith("training")]
    clips = ((1, 16), (2, 16), (3, 14), (4, 14))  # the last two hear only what people described
    assert heard == [f"training ear-{ear} on {count} clips for 1 epochs" for ear, count in clips]


@pytest.mark.slow
def test_ears_trained_side_by_side_join_to_the_same_model(
    manifest: Path, whole: Trained, tmp_path: Path
) -> None:
    for ear in (4, 3, 2, 1):
        assert run(manifest, tmp_path / "joined", only_ear=ear)[0] == {}
        assert not (tmp_path / "joined" / "model.safetensors").exists()
    run(manifest, tmp_path / "joined")
    noise = np.random.default_rng(0).standard_normal((4, 5 * RATE)).astype(np.float32)
    together, apart, shipped = (
        load_model(directory).embed_audio(noise)
        for directory in (whole.directory, tmp_path / "joined", DEFAULT_MODEL_DIR)
    )
    # captions are embedded in other batches, which moves them by less than 1e-5
    assert (together * apart).sum(1).min() > 0.9999 > 0.9 > (together * shipped).sum(1).max()


def test_an_ear_that_there_is_not_is_said(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no ear 5; there are 4"):
        run(manifest, tmp_path, only_ear=5)


def test_an_anchor_that_cannot_be_read_is_said(manifest: Path, tmp_path: Path) -> None:
    command = ["train", "compact", "--data", str(manifest), "--out", str(tmp_path / "out")]
    for anchor in (tmp_path / "missing", manifest):
        done = CliRunner().invoke(app, [*command, "--anchor", str(anchor)])
        assert done.exit_code == 1
        assert "is no anchor that" in done.output


def test_clips_with_nothing_but_a_label_are_said(manifest: Path, tmp_path: Path) -> None:
    entries = [replace(entry, captions=(), tags=()) for entry in read_manifest(manifest)]
    write_manifest(tmp_path / "labelled.jsonl", entries)
    with pytest.raises(DataError, match="a caption or tags"):
        run(tmp_path / "labelled.jsonl", tmp_path / "out", only_ear=4)


def test_where_nobody_described_anything_every_ear_hears_all(manifest: Path, tmp_path: Path) -> None:
    entries = [replace(entry, captions=(), label=None) for entry in read_manifest(manifest)]
    write_manifest(tmp_path / "tagged.jsonl", entries)
    _, stages = run(tmp_path / "tagged.jsonl", tmp_path / "out", only_ear=4)
    assert "training ear-4 on 16 clips for 1 epochs" in stages
