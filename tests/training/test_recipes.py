"""The recipe of the default model, end to end on a handful of clips: what it writes is whole and can be used."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from model.directory import AUDIO_PREFIX, DEFAULT_MODEL_DIR, load_model, load_tensors
from training.errors import DataError
from training.manifest import ManifestEntry, write_manifest
from training.progress import Progress
from training.recipes import compact

RATE = 16_000
EFFECTS = f"{AUDIO_PREFIX}effects."


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
        audio = folder / f"{row}.wav"
        entries.append(ManifestEntry(audio=audio, captions=(f"a {name}",), label=name, split=split))
    write_manifest(folder / "clips.jsonl", entries)
    return folder / "clips.jsonl"


def run(manifest: Path, out: Path, *, only_ear: int | None = None) -> tuple[dict, list[str]]:
    """Return the figures, and what was said while training."""
    stages: list[str] = []
    progress = Progress(
        on_stage=stages.append, on_batch=lambda *_: None, on_hearing=lambda _: None, on_epoch=lambda _: None
    )
    figures = compact([manifest], out, epochs=1, only_ear=only_ear, command="a test", progress=progress)
    return figures, stages


def test_what_comes_back_is_a_whole_model_with_all_ears_aligned(manifest: Path, tmp_path: Path) -> None:
    figures, stages = run(manifest, tmp_path / "out")
    assert 0 <= figures["classes"]["map"] <= 1
    trained, shipped = load_tensors(tmp_path / "out"), load_tensors(DEFAULT_MODEL_DIR)
    assert trained.keys() == shipped.keys()
    frozen = [key for key in trained if key.startswith(EFFECTS + "network.")]
    assert all(torch.equal(trained[key], shipped[key]) for key in frozen)
    aligned = EFFECTS + "projection.weight"
    assert not torch.equal(trained[aligned], shipped[aligned])
    model = load_model(tmp_path / "out")
    assert np.isfinite(model.embed_audio(np.zeros((1, model.window_samples), np.float32))).all()
    assert "fingerprint" in (tmp_path / "out" / "README.md").read_text("utf-8").lower()
    assert "aligning the effects ear" in stages


def test_ears_trained_side_by_side_join_to_the_same_model(manifest: Path, tmp_path: Path) -> None:
    run(manifest, tmp_path / "whole")
    for ear in (2, 1):
        assert run(manifest, tmp_path / "joined", only_ear=ear)[0] == {}
        assert not (tmp_path / "joined" / "model.safetensors").exists()
    run(manifest, tmp_path / "joined")
    noise = np.random.default_rng(0).standard_normal((4, 5 * RATE)).astype(np.float32)
    whole, joined = (load_model(tmp_path / name).embed_audio(noise) for name in ("whole", "joined"))
    shipped = load_model(DEFAULT_MODEL_DIR).embed_audio(noise)
    # captions are embedded in other batches, which moves them by less than 1e-5
    assert (whole * joined).sum(1).min() > 0.9999 > 0.9 > (whole * shipped).sum(1).max()


def test_an_ear_that_there_is_not_is_said(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no trained ear 3; there are 2"):
        run(manifest, tmp_path, only_ear=3)
