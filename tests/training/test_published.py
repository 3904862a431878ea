"""Published data sets in their makers' formats: what is read, what is left out and why, and what becomes of it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from model.directory import load_model
from sonoglot.cli import app
from training.errors import DataError, ManifestError
from training.manifest import read_manifest
from training.published.clip import video_of
from training.published.combine import combine, filter_captions, parse_combination
from training.published.readers import SETS

RATE = 16_000
TESTED, TRAINED, OTHER = "YYabc-def_1", "r1nicOVtvkQ", "UDGBjjwyaqE"


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def write_audio(*paths: Path) -> None:
    for row, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(row).standard_normal(RATE), RATE)


def audiocaps_row(number: int, video: str, caption: str) -> dict[str, str]:
    return {"audiocap_id": str(number), "youtube_id": video, "start_time": "30", "caption": caption}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """All five sets, a clip or three of each, some without audio."""
    audiocaps = tmp_path / "audiocaps"
    write_table(
        audiocaps / "train.csv",
        [audiocaps_row(1, TRAINED, "Rain falls, and a dog barks"), audiocaps_row(2, OTHER, "A bell")],
    )
    write_table(
        audiocaps / "test.csv",
        [audiocaps_row(3, TESTED, "A man speaks"), audiocaps_row(4, TESTED, "Someone talks")],
    )
    write_table(audiocaps / "val.csv", [audiocaps_row(5, "vvvvvvvvvvv", "A cat")])
    write_audio(audiocaps / "audio" / f"{TRAINED}_30.wav", audiocaps / "audio" / f"Y{TESTED}.wav")
    clotho = {"file_name": "Rain, on tin.wav"} | {f"caption_{n}": f"rain {n}" for n in range(1, 6)}
    write_table(tmp_path / "clotho" / "clotho_captions_development.csv", [clotho])
    write_audio(tmp_path / "clotho" / "development" / "Rain, on tin.wav")
    wavcaps = tmp_path / "wavcaps"
    for part, ids in (("as_final", [f"Y{TESTED}.wav", f"Y{OTHER}.wav"]), ("fsd_final", ["17", "18"])):
        data = [{"id": name, "caption": f"Caption of {name}.", "duration": 1.0} for name in ids]
        (wavcaps / "json_files" / part).mkdir(parents=True)
        (wavcaps / "json_files" / part / f"{part}.json").write_text(json.dumps({"data": data}))
    (wavcaps / "json_files" / "blacklist").mkdir()
    (wavcaps / "json_files" / "blacklist" / "blacklist_exclude_x.json").write_text(
        json.dumps({"FreeSound": ["17.wav"], "AudioSet": []})
    )
    write_audio(*(wavcaps / "audio" / f"{name}.flac" for name in (f"Y{TESTED}", f"Y{OTHER}", "17", "18")))
    write_table(tmp_path / "auto-acd" / "train.csv", [{"youtube_id": f"{OTHER}_000030", "caption": "A bell"}])
    write_audio(tmp_path / "auto-acd" / f"{OTHER}_000030.flac")
    rows = [{"id": f"Y{OTHER}", "caption": "A bell."}, {"id": f"Y{TESTED}", "caption": "A man."}]
    write_table(tmp_path / "audiosetcaps" / "AudioSetCaps_caption.csv", rows)
    write_audio(tmp_path / "audiosetcaps" / "audio" / f"Y{OTHER}.wav")
    return tmp_path


def test_all_sets_together_leave_out_what_is_tested_and_what_has_no_audio(root: Path) -> None:
    terms = parse_combination("audiocaps+clotho+wavcaps+auto-acd+audiosetcaps")
    found = combine(terms, root, split="train")
    assert found.counts == {
        "audiocaps": {"listed": 2, "kept": 1, "without audio": 1},
        "clotho": {"listed": 1, "kept": 1},
        "wavcaps": {"listed": 4, "kept": 2, "in a test": 2},  # AudioCaps' video, and the blacklist
        "auto-acd": {"listed": 1, "kept": 1},
        "audiosetcaps": {"listed": 2, "kept": 1, "in a test": 1},
    }
    by_name = {entry.audio.name: entry for entry in found.entries if entry.source != "audiosetcaps"}
    assert set(by_name) == {
        f"{TRAINED}_30.wav", "Rain, on tin.wav", f"Y{OTHER}.flac", "18.flac", f"{OTHER}_000030.flac"
    }  # fmt: skip
    assert by_name["Rain, on tin.wav"].captions == tuple(f"rain {n}" for n in range(1, 6))
    assert by_name[f"Y{OTHER}.flac"].group == OTHER
    assert "NC" in (by_name["18.flac"].licence or "")


def test_a_test_split_has_every_caption_of_a_clip(root: Path) -> None:
    (entry,) = combine(parse_combination("audiocaps"), root, split="test").entries
    assert entry.captions == ("A man speaks", "Someone talks")
    assert (entry.split, entry.audio.name) == ("test", f"Y{TESTED}.wav")


def test_tested_clips_are_kept_when_asked_and_must_be_known_otherwise(root: Path) -> None:
    terms = parse_combination("wavcaps")
    assert len(combine(terms, root, split="train", keep_evaluation_items=True).entries) == 4
    (root / "audiocaps" / "val.csv").unlink()
    with pytest.raises(DataError, match=r"no val\.csv to tell which"):
        combine(terms, root, split="train")


def test_captions_unlike_their_sound_are_left_out(root: Path) -> None:
    terms = parse_combination("clotho+wavcaps@1")
    found = combine(terms, root, split="train")
    filtered = filter_captions(found, terms, load_model(), on_clip=lambda _: None)
    assert [entry.source for entry in filtered.entries] == ["clotho"]  # nothing is as like as that
    assert filtered.counts["wavcaps"] == {"listed": 4, "kept": 0, "in a test": 2, "unlike their sound": 2}


def test_the_command_writes_a_manifest_and_counts(root: Path) -> None:
    out = root / "train.jsonl"
    done = CliRunner().invoke(app, ["dataset", "audiocaps+clotho", str(root), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "audiocaps: 2 listed, 1 kept, 1 without audio" in done.stdout
    assert len(read_manifest(out)) == 2
    told = CliRunner().invoke(app, ["dataset", "clotho", str(root), "--out", str(out), "--json"])
    assert json.loads(told.stdout)["sets"] == {"clotho": {"listed": 1, "kept": 1}}


@pytest.mark.parametrize("text", ["freesound", "audiocaps+", "wavcaps@2", "clotho @0.1", ""])
def test_a_combination_that_is_not_understood_is_said(text: str) -> None:
    with pytest.raises(DataError, match="is no data set; a combination is names joined by"):
        parse_combination(text)


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_folder_without_a_sets_files_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ManifestError, match="holds no"):
        SETS[name].read(tmp_path / name)


def test_a_table_without_its_columns_is_said(tmp_path: Path) -> None:
    write_table(tmp_path / "train.csv", [{"youtube": "x", "caption": "y"}])
    with pytest.raises(ManifestError, match="has no column audiocap_id, youtube_id, start_time"):
        SETS["audiocaps"].read(tmp_path)


def test_videos_are_recognised_in_every_sets_names() -> None:
    names = (TESTED, f"Y{TESTED}", f"Y{TESTED}.wav", f"{TESTED}_000030", f"Y{TESTED}_30")
    assert {video_of(name) for name in names} == {TESTED}
