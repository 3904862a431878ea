"""Shards: what is in them for us and for other programs, and what is refused."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner
from webdataset.compat import WebDataset

from sonoglot.cli import app
from tests.indexer.sounds import encode, tone, write_tone
from training.errors import DataError
from training.manifest import ManifestEntry, write_manifest
from training.shard_index import INDEX_FILE, SOURCES_FILE, read_clip, read_index
from training.shards import UNFINISHED_FILE, write_shards


@pytest.fixture
def entries(tmp_path: Path) -> list[ManifestEntry]:
    """Five clips with captions, of which one is an Ogg file and one has no known suffix; one without."""
    paths = [write_tone(tmp_path / "sounds" / f"{n}.wav", seconds=0.1, hz=200 + 50 * n) for n in range(4)]
    for name, suffix in (("4.OGG", "ogg"), ("5.strange.name", "wav")):
        paths.append(tmp_path / "sounds" / name)
        paths[-1].write_bytes(encode(tone(seconds=0.1), suffix=suffix, rate_hz=16_000))
    texts = [("one", "eins"), ("two",), (), ("four\u2028",), ("five",), ("six",)]
    return [
        ManifestEntry(audio=path, captions=captions, source="lab", licence="CC0", group=f"g{row}")
        for row, (path, captions) in enumerate(zip(paths, texts, strict=True))
    ]


def write(entries: list[ManifestEntry], out: Path) -> None:
    write_shards(entries, out, clips_per_shard=2, on_clip=lambda: None)


def test_every_clip_with_a_caption_is_found_again_byte_for_byte(
    entries: list[ManifestEntry], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    written = write_shards(entries, out, clips_per_shard=2, on_clip=lambda: None)
    assert (written.clips, written.shards, written.without_captions, written.unreadable) == (5, 3, 1, {})
    assert sorted(os.listdir(out)) == ["00000.tar", "00001.tar", "00002.tar", INDEX_FILE, SOURCES_FILE]
    clips = read_index(out)
    assert {clip.captions: read_clip(out, clip) for clip in clips} == {
        entry.captions: entry.audio.read_bytes() for entry in entries if entry.captions
    }
    assert [clip.shard for clip in clips] == ["00000.tar"] * 2 + ["00001.tar"] * 2 + ["00002.tar"]


def test_other_programs_read_the_shards_as_webdataset(entries: list[ManifestEntry], tmp_path: Path) -> None:
    write(entries, tmp_path / "out")
    shards = [str(path) for path in sorted((tmp_path / "out").glob("*.tar"))]
    samples = list(WebDataset(shards, shardshuffle=False))
    found = {}
    for sample in samples:
        known = json.loads(sample["json"])
        (suffix,) = {name for name in sample if not name.startswith("__")} - {"json"}
        found[known["audio"]] = (suffix, sample[suffix], known)
    assert {name: suffix for name, (suffix, _, _) in found.items()} == {
        "0.wav": "wav",
        "1.wav": "wav",
        "3.wav": "wav",
        "4.OGG": "ogg",
        "5.strange.name": "audio",
    }
    assert found["4.OGG"][1] == entries[4].audio.read_bytes()
    assert found["0.wav"][2] == {
        "audio": "0.wav",
        "captions": ["one", "eins"],
        "source": "lab",
        "licence": "CC0",
        "group": "g0",
    }


def test_the_same_manifest_gives_the_same_bytes(entries: list[ManifestEntry], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(entries, tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_clips_of_one_source_do_not_stay_together(tmp_path: Path) -> None:
    sound = write_tone(tmp_path / "a.wav", seconds=0.01)
    write([ManifestEntry(audio=sound, captions=(f"{n:02d}",)) for n in range(20)], tmp_path / "out")
    order = [clip.captions for clip in read_index(tmp_path / "out")]
    assert order != sorted(order)


def test_an_interrupted_writing_leaves_a_folder_that_is_refused_and_written_anew(
    entries: list[ManifestEntry], tmp_path: Path
) -> None:
    out, calls = tmp_path / "out", []

    def stop_at_the_last() -> None:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(entries, out, clips_per_shard=1, on_clip=stop_at_the_last)
    assert (out / "00003.tar").is_file()
    with pytest.raises(DataError, match="interrupted; run `sonoglot shards` again"):
        read_index(out)
    write(entries, out)
    assert len(read_index(out)) == 5
    assert sorted(os.listdir(out)) == ["00000.tar", "00001.tar", "00002.tar", INDEX_FILE, SOURCES_FILE]


def test_what_is_not_ours_is_never_overwritten(entries: list[ManifestEntry], tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "00000.tar").write_bytes(b"somebody's")
    write(entries, tmp_path / "whole")
    (tmp_path / "whole" / UNFINISHED_FILE).touch()  # killed between its last two steps
    for out in (theirs, tmp_path / "whole"):
        before = {path: path.read_bytes() for path in out.iterdir()}
        with pytest.raises(DataError, match="not empty"):
            write(entries, out)
        assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_shards_that_are_missing_or_cut_off_are_named(entries: list[ManifestEntry], tmp_path: Path) -> None:
    write(entries, tmp_path / "out")
    shard = tmp_path / "out" / "00001.tar"
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 3])
    with pytest.raises(DataError, match=r"00001\.tar is cut off"):
        read_index(tmp_path / "out")
    shard.unlink()
    with pytest.raises(DataError, match=r"00001\.tar is missing"):
        read_index(tmp_path / "out")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"key": "1", "shard": "0.tar", "offset": 0, "size": 1}',
        '{"key": "1", "shard": "0.tar", "offset": 0, "size": 1, "captions": []}',
        '{"key": "1", "shard": "0.tar", "offset": 0, "size": 1, "captions": "one"}',
        '{"key": "1", "shard": 0, "offset": 0, "size": 1, "captions": ["one"]}',
    ],
)
def test_a_malformed_line_of_the_index_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / INDEX_FILE).write_text(line + "\n")
    with pytest.raises(DataError, match="line 1"):
        read_index(tmp_path)


def test_the_command_writes_one_split_and_reports_what_it_left_out(
    entries: list[ManifestEntry], tmp_path: Path
) -> None:
    gone = ManifestEntry(audio=tmp_path / "gone.wav", captions=("gone",), split="train")
    other = ManifestEntry(audio=entries[0].audio, captions=("tested",), split="test")
    write_manifest(tmp_path / "a.jsonl", [*entries, gone])
    write_manifest(tmp_path / "b.jsonl", [other])
    manifests = ["--data", str(tmp_path / "a.jsonl"), "--data", str(tmp_path / "b.jsonl")]

    def run(name: str, *options: str):
        return CliRunner().invoke(app, ["shards", *manifests, "--out", str(tmp_path / name), *options])

    result = run("train", "--clips-per-shard", "4", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {
        "shards": str(tmp_path / "train"),
        "clips": 5,
        "files": 2,
        "without_captions": 1,
        "unreadable": {str(tmp_path / "gone.wav"): "No such file or directory"},
    }
    result = run("test", "--split", "test")
    assert "1 clips in 1 shards" in result.stdout
    assert [clip.captions for clip in read_index(tmp_path / "test")] == [("tested",)]
    result = run("test", "--split", "val")
    assert (result.exit_code, "no clips of the split 'val'" in result.stderr) == (1, True)


def test_if_no_clip_can_be_written_the_reason_is_said(tmp_path: Path) -> None:
    gone = ManifestEntry(audio=tmp_path / "gone.wav", captions=("gone",))
    with pytest.raises(
        DataError, match=r"1 have no caption, 1 cannot be read \(the first: .*gone.wav: No such"
    ):
        write([gone, ManifestEntry(audio=tmp_path / "b.wav")], tmp_path / "out")
