"""Manifests: what is read back, and what is refused with the line named."""

import json
from pathlib import Path

import pytest

from training.errors import ManifestError
from training.manifest import TableColumns, make_manifest, read_manifest, read_manifests, write_manifest

COLUMNS = TableColumns(label="class", split="fold", group="recording")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    (sounds / "meta.csv").write_text(
        "filename,fold,class,recording\na.wav,1,dog,r1\nb.wav,2,cat,r2\nc.wav,9,cow,r3\n"
    )
    (sounds / "tags.jsonl").write_text(json.dumps({"audio": "a.wav", "tags": [["Dog", 0.9]]}) + "\n")
    (sounds / "wordings.json").write_text(
        json.dumps({"dog": ["a dog barks", "woof"], "cat": ["a cat meows", "a cat hears a Dog"]})
    )
    (sounds / "uncaptioned.json").write_text(json.dumps({"dog": ["dog", "barks"]}))
    return sounds


def test_a_table_becomes_a_manifest_that_reads_back_the_same(folder: Path, tmp_path: Path) -> None:
    entries = make_manifest(
        folder,
        folder / "meta.csv",
        columns=COLUMNS,
        split_of={"1": "train", "2": "val"},
        tags=folder / "tags.jsonl",
        wordings=folder / "wordings.json",
        licence="CC0",
    )
    assert [(e.audio.name, e.split, e.captions, e.tags, e.group) for e in entries] == [
        ("a.wav", "train", ("a dog barks", "woof"), (("Dog", 0.9),), "r1"),
        ("b.wav", "val", ("a cat meows", "a cat hears a Dog"), (), "r2"),
    ]
    write_manifest(tmp_path / "elsewhere" / "m.jsonl", entries)
    assert read_manifest(tmp_path / "elsewhere" / "m.jsonl") == entries


def test_held_out_labels_keep_their_tags_and_no_caption_names_them(folder: Path) -> None:
    entries = make_manifest(
        folder,
        folder / "meta.csv",
        columns=COLUMNS,
        split_of={"1": "train", "2": "val"},
        tags=folder / "tags.jsonl",
        wordings=folder / "wordings.json",
        uncaptioned=folder / "uncaptioned.json",
    )
    assert entries[0].captions == ()
    assert entries[0].tags == (("Dog", 0.9),)
    assert entries[1].captions == ("a cat meows",)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"captions": []}', "line 2: 'audio'"),
        ('{"audio": "a.wav", "split": "dev"}', "line 2: split 'dev'"),
        ('{"audio": "a.wav", "captions": "one"}', "line 2: 'captions'"),
        ('{"audio": "a.wav", "tags": [["Dog"]]}', "line 2: 'tags'"),
        ('{"audio": "a.wav", "colour": "red"}', "line 2: unknown field 'colour'"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "m.jsonl").write_text('{"audio": "ok.wav"}\n' + line + "\n")
    with pytest.raises(ManifestError, match=complaint):
        read_manifest(tmp_path / "m.jsonl")


def test_a_group_on_both_sides_of_a_split_is_refused(tmp_path: Path) -> None:
    lines = [
        {"audio": "a.wav", "split": "train", "group": "g"},
        {"audio": "b.wav", "split": "val", "group": "g"},
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ManifestError, match="group 'g'"):
        read_manifests([tmp_path / "m.jsonl"])


def test_a_missing_column_is_named(folder: Path) -> None:
    with pytest.raises(ManifestError, match="no column 'path'"):
        make_manifest(folder, folder / "meta.csv", columns=TableColumns(audio="path"), split_of={})
