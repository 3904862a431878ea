"""Tags of real files: the loudest first, what is too short or broken said and left out, and a manifest made of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from sonoglot.cli import app
from training import tagger as tagger_module
from training.errors import TaggerError
from training.manifest import read_manifest
from training.tagger import SAMPLE_RATE_HZ, Tagger
from training.tagging import tag_clips


class PitchTagger:
    """Names low and high tones by where their energy is: the tagger's shape without its file."""

    classes = ("Low", "High")

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def scores(self, waveform: np.ndarray) -> np.ndarray:
        spectrum = np.abs(np.fft.rfft(waveform))
        middle = round(1_000 * len(waveform) / SAMPLE_RATE_HZ)
        return np.array([spectrum[:middle].sum(), spectrum[middle:].sum()]) / spectrum.sum()


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name, hz, seconds in (
        ("low", 200, 1.0),
        ("high", 3_000, 2.0),
        ("click", 900, 0.05),
        ("long", 900, 45.0),
    ):
        time_s = np.arange(round(SAMPLE_RATE_HZ * seconds)) / SAMPLE_RATE_HZ
        soundfile.write(folder / f"{name}.wav", 0.5 * np.sin(2 * np.pi * hz * time_s), SAMPLE_RATE_HZ)
    (folder / "broken.wav").write_text("no sound")
    return folder


def test_clips_are_tagged_highest_first_and_the_rest_is_left_out_with_a_reason(sounds: Path) -> None:
    ticks: list[None] = []
    tags, left_out = tag_clips(sorted(sounds.iterdir()), PitchTagger(), on_clip=lambda: ticks.append(None))  # pyright: ignore[reportArgumentType]
    assert {path.stem: of_clip[0][0] for path, of_clip in tags.items()} == {"low": "Low", "high": "High"}
    assert all(score > 0.9 for (_, score), *_ in tags.values())
    assert {path.stem for path in left_out} == {"broken", "click", "long"}
    assert left_out[sounds / "long.wav"].startswith("45.0 s long")
    assert len(ticks) == 5


def test_the_command_writes_what_a_manifest_is_made_of(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger_module, "Tagger", PitchTagger)
    out = tmp_path / "tags.jsonl"
    result = CliRunner().invoke(app, ["tags", str(sounds), "--tagger", "t.tflite", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "Tagged 2 sounds, left out 3" in result.stdout
    table = tmp_path / "all.csv"
    table.write_text("filename,source\n" + "".join(f"{p.name},box\n" for p in sorted(sounds.iterdir())))
    arguments = ["--table", str(table), "--source-column", "source", "--tags", str(out), "--only-tagged"]
    made = CliRunner().invoke(app, ["manifest", str(sounds), *arguments, "--out", str(tmp_path / "m.jsonl")])
    assert made.exit_code == 0, made.output
    entries = read_manifest(tmp_path / "m.jsonl")
    assert [(entry.audio.name, entry.source) for entry in entries] == [
        ("high.wav", "box"),
        ("low.wav", "box"),
    ]
    assert json.loads(out.read_text("utf-8").splitlines()[0])["audio"] == "sounds/high.wav"
    assert entries[0].tags[0][0] == "High"


def test_a_folder_without_sounds_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger_module, "Tagger", PitchTagger)
    out = str(tmp_path / "t.jsonl")
    result = CliRunner().invoke(app, ["tags", str(tmp_path), "--tagger", "t.tflite", "--out", out])
    assert result.exit_code == 1
    assert "no sounds in" in result.stderr


def test_a_file_that_is_no_tagger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tagger.tflite"
    path.write_bytes(b"not a model")
    with pytest.raises(TaggerError, match=r"tagger\.tflite cannot be read as a TFLite model"):
        Tagger(path)
    with pytest.raises(TaggerError, match=r"missing\.tflite"):
        Tagger(tmp_path / "missing.tflite")
