"""The recipe of the default model, end to end on a handful of clips: what it writes is whole and can be used."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from model.directory import AUDIO_PREFIX, DEFAULT_MODEL_DIR, load_model, load_tensors
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


def test_what_comes_back_is_a_whole_model_with_both_ears_aligned(manifest: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    progress = Progress(
        on_stage=stages.append, on_batch=lambda *_: None, on_hearing=lambda _: None, on_epoch=lambda _: None
    )
    figures = compact([manifest], tmp_path / "out", epochs=1, command="a test", progress=progress)
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
