"""A tiny anchor of the real classes, and a handful of clips to train on, for whatever runs a recipe."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.model.tiny_open_clip import write_open_clip
from training.manifest import ManifestEntry, write_manifest

RATE = 16_000


@pytest.fixture(scope="session")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("open-clip")
    write_open_clip(folder)
    return folder


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips to train on, two to watch, and one that nobody described."""
    folder = tmp_path_factory.mktemp("clips")
    entries = []
    for row in range(11):
        noise = np.random.default_rng(row).standard_normal(RATE) * 10 ** -(row % 2)
        soundfile.write(folder / f"{row}.wav", 0.1 * noise, RATE)
        name = ("loud", "faint")[row % 2]
        entry = ManifestEntry(
            audio=folder / f"{row}.wav",
            captions=(f"a {name} noise", f"{name} noise, take {row}") if row < 10 else (),
            tags=(("Noise", 0.9),),
            label=name,
            split="train" if row not in (8, 9) else "val",
        )
        entries.append(entry)
    write_manifest(folder / "clips.jsonl", entries)
    return folder / "clips.jsonl"
