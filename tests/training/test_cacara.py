"""The paper's recipe, end to end with the real classes at a tiny size: it trains, and what it writes can be used."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from model.anchor import Anchor
from model.beats_checkpoint import load_beats
from model.config import AnchorReference
from model.directory import load_model, load_space
from model.encoder_presets import encoder_preset
from model.errors import ModelDirectoryError
from model.open_clip_anchor import OpenClipAnchor
from model.presets import COMPACT, LOCAL
from model.torch_directory import load_anchor, load_tensors
from model.weights import tensors_hash
from sonoglot.cli import app
from tests.model.beats_reference import REFERENCE
from tests.model.tiny_open_clip import DIM
from training.errors import CheckpointError, DataError
from training.manifest import ManifestEntry, read_manifest, write_manifest
from training.progress import Progress
from training.recipes.cacara import PLUS, EncoderStart, Recipe, cacara, varied

RATE = 16_000
TWO_EPOCHS = Recipe(name="cacara", epochs=2, batch_size=4)
BEATS = EncoderStart(preset=encoder_preset("beats"), checkpoint=REFERENCE)


def train(
    manifest: Path,
    anchor: Anchor,
    out: Path,
    *,
    name: str,
    start: EncoderStart = BEATS,
    recipe: Recipe = TWO_EPOCHS,
) -> list[str]:
    """Train towards an anchor of this name and return what was said."""
    stages: list[str] = []
    cacara(
        [manifest],
        out,
        anchor=anchor,
        reference=AnchorReference(model_name=name, tag=None, fingerprint=anchor.fingerprint),
        start=start,
        recipe=recipe,
        command="a test",
        progress=Progress(on_stage=stages.append, on_batch=lambda *_: None, on_epoch=lambda _: None),
    )
    return stages


def train_towards(towers: Path, manifest: Path, out: Path) -> list[str]:
    name = f"{LOCAL}{towers}"
    return train(manifest, OpenClipAnchor.load(name), out, name=name)


@pytest.fixture(scope="module")
def trained(manifest: Path, towers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    assert "training audio-encoder on 8 clips for 2 epochs" in train_towards(towers, manifest, out)
    return out


def test_what_comes_back_embeds_text_pictures_and_sound_in_one_space(trained: Path) -> None:
    model = load_model(trained)
    assert (model.space.dim, model.window_s) == (DIM, 10.0)
    assert load_space(trained) == model.space
    windows = np.random.default_rng(0).standard_normal((2, model.window_samples)).astype(np.float32)
    vectors = (
        model.embed_audio(windows),
        model.embed_texts(["a dog barks", "雨"]),
        model.embed_images([Image.new("RGB", (40, 40), "red")] * 2),
    )
    for found in vectors:
        assert found.shape == (2, DIM)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    card = (trained / "README.md").read_text("utf-8")
    assert "started from beats_reference.pt" in card
    assert "On 2 validation clips" in card


def test_the_anchor_is_frozen_and_beats_is_not(trained: Path, towers: Path) -> None:
    tensors = load_tensors(trained)
    assert all(key.startswith("audio.") for key in tensors)  # the anchor stays where it was
    anchor = OpenClipAnchor.load(f"{LOCAL}{towers}")
    assert load_model(trained).anchor.fingerprint == anchor.fingerprint
    started = dict(load_beats(REFERENCE).named_parameters())
    moved = {key for key, tensor in started.items() if not tensor.equal(tensors[f"audio.beats.{key}"])}
    assert {key for key in started if ".fc" in key or "patch" in key or "v_proj" in key} <= moved


def test_training_does_not_move_a_tensor_of_the_anchor(manifest: Path, towers: Path, tmp_path: Path) -> None:
    name = f"{LOCAL}{towers}"
    anchor = OpenClipAnchor.load(name)
    before = tensors_hash(anchor._towers.state_dict())
    train(manifest, anchor, tmp_path, name=name)
    assert tensors_hash(anchor._towers.state_dict()) == before
    assert not any(parameter.requires_grad for parameter in anchor._towers.parameters())


def test_any_encoder_is_trained_towards_any_anchor_by_any_recipe(manifest: Path, tmp_path: Path) -> None:
    """The compact anchor, an ear from ImageNet's weights, and every practice at once."""
    plus = varied(PLUS, sigmoid=True, epochs=1, batch_size=4)
    start = EncoderStart(preset=encoder_preset("ear"))
    train(manifest, load_anchor(COMPACT), tmp_path, name=COMPACT, start=start, recipe=plus)
    model = load_model(tmp_path)
    assert (model.anchor.name, model.window_s) == ("compact", 5.0)
    assert model.embed_texts(["ein Hund bellt"]).shape == (1, model.space.dim)
    assert "sigmoid=True" in (tmp_path / "README.md").read_text("utf-8")
    stages = train(manifest, load_anchor(COMPACT), tmp_path, name=COMPACT, start=start, recipe=plus)
    assert "resuming in epoch 2 after 0 batches" in stages  # it is done, and says so
    with pytest.raises(CheckpointError, match="other data or settings"):
        train(
            manifest, load_anchor(COMPACT), tmp_path, name=COMPACT, start=start, recipe=varied(plus, lr=0.5)
        )


def test_clips_that_only_have_captions_are_watched_by_them(
    manifest: Path, towers: Path, tmp_path: Path
) -> None:
    entries = [replace(entry, label=None) for entry in read_manifest(manifest)]
    write_manifest(tmp_path / "captioned.jsonl", entries)
    train_towards(towers, tmp_path / "captioned.jsonl", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "On 2 validation clips that were not trained on: R@1 of their captions" in card


def test_shards_are_trained_on_in_the_place_of_manifests(
    manifest: Path, towers: Path, tmp_path: Path
) -> None:
    entries = [replace(entry, licence="CC BY-NC 4.0") for entry in read_manifest(manifest)]
    (tmp_path / "broken.wav").write_bytes(b"RIFF, and nothing more")
    broken = ManifestEntry(audio=tmp_path / "broken.wav", captions=("a broken sound",), split="train")
    write_manifest(tmp_path / "clips.jsonl", [*entries, broken])
    wrote = CliRunner().invoke(
        app, ["shards", "--data", str(tmp_path / "clips.jsonl"), "--out", str(tmp_path / "shards")]
    )
    assert wrote.exit_code == 0, wrote.output
    name = f"{LOCAL}{towers}"
    arguments = ["train", "cacara", "--data", str(tmp_path / "shards"), "--data", str(manifest)]
    arguments += ["--anchor", name, "--weights", str(REFERENCE), "--batch-size", "4", "--epochs", "1"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "training audio-encoder on 9 clips for 1 epochs" in done.output
    assert "clips could not be decoded and were heard as silence" in done.output
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "| not named | CC BY-NC 4.0 | 8 |" in card
    assert "On 2 validation clips" in card
    twice = CliRunner().invoke(
        app, [*arguments, "--data", str(tmp_path / "shards"), "--out", str(tmp_path / "twice")]
    )
    assert twice.exit_code == 1
    assert "two folders of shards" in twice.output


@pytest.mark.slow
def test_two_processes_train_one_model(manifest: Path, towers: Path, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launch, "-m", "sonoglot", "train", "cacara", "--data", manifest, "--out", tmp_path / "out"]
    command += ["--anchor", f"{LOCAL}{towers}", "--weights", REFERENCE, "--batch-size", "4", "--epochs", "1"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Written to") == 1
    assert done.stderr.count("epoch 1/1") == 1
    assert load_model(tmp_path / "out").space.name == "cacara"


def test_the_anchor_may_lie_in_the_model_directory_and_must_be_the_right_one(
    trained: Path, towers: Path, tmp_path: Path
) -> None:
    here = Path(shutil.copytree(trained, tmp_path / "model"))
    shutil.copytree(towers, here / "anchor")
    assert load_model(here).embed_texts(["rain"]).shape == (1, DIM)
    config = (here / "config.json").read_text()
    fingerprint = load_model(here).anchor.fingerprint
    (here / "config.json").write_text(config.replace(fingerprint, "0" * 64))
    with pytest.raises(ModelDirectoryError, match="trained towards another anchor"):
        load_model(here)


def test_the_command_writes_a_model(manifest: Path, towers: Path, tmp_path: Path) -> None:
    arguments = ["train", "cacara", "--data", str(manifest), "--out", str(tmp_path / "out")]
    arguments += ["--anchor", f"{LOCAL}{towers}", "--weights", str(REFERENCE)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "Use it with: sonoglot index" in done.stdout
    assert load_model(tmp_path / "out").space.name == "cacara"
    wrong = CliRunner().invoke(app, [*arguments[:-1], str(manifest)])
    assert wrong.exit_code == 1
    assert "is not a BEATs checkpoint" in wrong.output


def test_without_captions_there_is_nothing_to_learn(towers: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    write_manifest(tmp_path / "a.jsonl", [ManifestEntry(audio=tmp_path / "a.wav", tags=(("Noise", 0.9),))])
    with pytest.raises(DataError, match="none of the clips to train on"):
        train_towards(towers, tmp_path / "a.jsonl", tmp_path / "out")
