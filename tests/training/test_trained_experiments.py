"""The experiments that train, each by its command, at a tiny size with the real classes."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from model.presets import LOCAL
from sonoglot.cli import app
from tests.model.beats_reference import REFERENCE
from training.experiments.losses import CONTRASTS
from training.experiments.trials import TRIAL_FILE
from training.json_lines import write_json_lines
from training.manifest import read_manifest

TINY_BEATS = f"beats={REFERENCE}"
TINY_NAME = f"beats from {REFERENCE.name}"
TINY_FOLDER = TINY_NAME.replace(" ", "-")
SHORT = ["--epochs", "1", "--batch-size", "4"]


def experiment(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["experiment", *map(str, arguments)])


def table(out: Path, stem: str) -> dict:
    assert (out / f"{stem}.md").read_text("utf-8").startswith("# ")
    return json.loads((out / f"{stem}.json").read_text("utf-8"))


def test_encoders_are_compared_and_what_is_done_is_not_done_again(
    manifest: Path, towers: Path, tmp_path: Path
) -> None:
    command = ["encoders", "--data", manifest, "--anchor", f"{LOCAL}{towers}", "--encoder", TINY_BEATS]
    command += ["--encoder", "ear", "--out", tmp_path, *SHORT]
    done = experiment(*command)
    assert done.exit_code == 0, done.output
    found = table(tmp_path, "encoders")
    assert [row["name"] for row in found["rows"]] == [TINY_NAME, "ear"]
    for row in found["rows"]:
        assert 0 < row["class_map"] <= 1
        assert row["seconds"] > 0
    assert found["rows"][0]["parameters_m"] < 0.2 < 3 < found["rows"][1]["parameters_m"]
    assert len({model["fingerprint"] for model in found["models"]}) == 2
    again = experiment(*command)
    assert "training" not in again.output
    assert table(tmp_path, "encoders") == found
    other = experiment(*command, "--lr", "0.5")
    assert other.exit_code == 1
    assert "holds another trial of this name" in other.output
    twice = experiment(*command, "--encoder", TINY_BEATS)
    assert twice.exit_code == 1
    assert "two trials are called" in twice.output
    (tmp_path / "ear" / TRIAL_FILE).write_text("{")
    broken = experiment(*command)
    assert broken.exit_code == 1
    assert "trial.json is broken" in broken.output


def test_a_trial_that_was_stopped_before_it_was_measured_goes_on(
    manifest: Path, towers: Path, tmp_path: Path
) -> None:
    command = ["encoders", "--data", manifest, "--anchor", f"{LOCAL}{towers}", "--encoder", TINY_BEATS]
    command += ["--out", tmp_path, *SHORT]
    experiment(*command)
    before = table(tmp_path, "encoders")["rows"][0]
    (tmp_path / TINY_FOLDER / TRIAL_FILE).unlink()
    assert "resuming in epoch 2" in experiment(*command).output
    after = table(tmp_path, "encoders")["rows"][0]
    assert after == before | {"seconds": None, "clips_per_second": None}  # it was not timed whole


def test_every_loss_is_a_row(manifest: Path, towers: Path, tmp_path: Path) -> None:
    command = ["losses", "--data", manifest, "--anchor", f"{LOCAL}{towers}", "--weights", REFERENCE]
    done = experiment(*command, "--out", tmp_path, *SHORT)
    assert done.exit_code == 0, done.output
    found = table(tmp_path, "losses")
    assert [row["name"] for row in found["rows"]] == list(CONTRASTS)
    trained = dict(zip(CONTRASTS, (model["fingerprint"] for model in found["models"]), strict=True))
    # under a random anchor all captions are alike, so that masking leaves nothing of the bank
    del trained["bank and masking"]
    assert len(set(trained.values())) == len(CONTRASTS) - 1


def test_combinations_of_published_sets_are_trained_on(manifest: Path, towers: Path, tmp_path: Path) -> None:
    root = published(read_manifest(manifest)[:8], tmp_path / "sets")
    command = ["data", root, "--sets", "clotho", "--sets", "clotho+auto-acd@0.0", "--validation", manifest]
    command += ["--anchor", f"{LOCAL}{towers}", "--weights", REFERENCE, "--out", tmp_path / "out", *SHORT]
    done = experiment(*command)
    assert done.exit_code == 0, done.output
    found = table(tmp_path / "out", "data")
    assert [row["name"] for row in found["rows"]] == ["clotho", "clotho+auto-acd@0.0"]
    assert any(note.startswith("clotho: clotho 8 listed, 8 kept") for note in found["notes"])
    wrong = experiment(*command, "--sets", "nothing")
    assert wrong.exit_code == 1
    assert "'nothing' is no data set" in wrong.output


def test_pairs_of_anchor_and_encoder_are_compared(manifest: Path, towers: Path, tmp_path: Path) -> None:
    command = ["scale", "--data", manifest, "--out", tmp_path, *SHORT]
    done = experiment(*command, "--pair", f"compact+{TINY_BEATS}", "--pair", f"{LOCAL}{towers}+{TINY_BEATS}")
    assert done.exit_code == 0, done.output
    rows = table(tmp_path, "scale")["rows"]
    assert all(row["energy_wh"] > 0 for row in rows)
    experiment(*command, "--pair", f"compact+{TINY_BEATS}", "--pair", f"{LOCAL}{towers}+{TINY_BEATS}")
    assert table(tmp_path, "scale")["rows"] == rows  # kept, with its energy
    names = [row["name"] for row in rows]
    assert names == [f"compact + {TINY_NAME}", f"{towers.name} + {TINY_NAME}"]
    assert experiment(*command, "--pair", "compact").exit_code == 2


def test_fine_tuning_on_pictures_is_set_beside_not_doing_so(
    manifest: Path, towers: Path, tmp_path: Path
) -> None:
    trained = ["encoders", "--data", manifest, "--anchor", f"{LOCAL}{towers}", "--encoder", TINY_BEATS]
    experiment(*trained, "--out", tmp_path / "trained", *SHORT)
    queries = []
    for row, label in enumerate(("loud", "loud", "faint", "faint")):
        Image.new("RGB", (40, 40), (60 * row, 0, 0)).save(tmp_path / f"{row}.png")
        queries.append({"image": f"{row}.png", "label": label})
    write_json_lines(tmp_path / "pictures.jsonl", queries)
    command = ["emergence", "--data", manifest, "--queries", tmp_path / "pictures.jsonl"]
    command += ["--model", tmp_path / "trained" / TINY_FOLDER, "--out", tmp_path / "out", "--lr", "0.01"]
    done = experiment(*command)
    assert done.exit_code == 0, done.output
    before, after, gain = table(tmp_path / "out", "emergence")["rows"]
    assert after["picture_map"] - before["picture_map"] == pytest.approx(gain["picture_map"])
    write_json_lines(tmp_path / "pictures.jsonl", queries[:1])
    few = experiment(*command[:-4], "--out", tmp_path / "few")
    assert few.exit_code == 1
    assert "too few pictures" in few.output


def published(entries: list, root: Path) -> Path:
    """Write clips as Clotho and Auto-ACD are published, with the lists by which test clips are kept out."""
    for name in ("clotho", "auto-acd", "audiocaps"):
        (root / name).mkdir(parents=True)
    captions = [f"caption_{number}" for number in range(1, 6)]
    tables = {
        "clotho/clotho_captions_development.csv": [["file_name", *captions]],
        "auto-acd/train.csv": [["youtube_id", "caption"]],
        "audiocaps/val.csv": [["audiocap_id", "youtube_id", "start_time", "caption"]],
        "audiocaps/test.csv": [["audiocap_id", "youtube_id", "start_time", "caption"]],
    }
    for row, entry in enumerate(entries):
        shutil.copy(entry.audio, root / "clotho" / f"sound {row}.wav")
        shutil.copy(entry.audio, root / "auto-acd" / f"video{row:06d}.wav")
        tables["clotho/clotho_captions_development.csv"].append(
            [f"sound {row}.wav", *[entry.captions[0]] * 5]
        )
        tables["auto-acd/train.csv"].append([f"video{row:06d}", "a dog barks"])
    for name, rows in tables.items():
        with (root / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return root
