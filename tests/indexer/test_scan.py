"""Scanning finds each audio file once, in a fixed order, and survives what file systems hold."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from indexer.errors import DecodeReason
from indexer.paths import display_path, path_from_bytes, path_to_bytes
from indexer.scan import Portion, Scan


def scan(paths: Iterable[Path]) -> Portion:
    """All portions as one."""
    whole = Portion()
    for portion in Scan(paths).portions():
        whole.candidates += portion.candidates
        whole.skipped += portion.skipped
        whole.failed += portion.failed
    return whole


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_candidates_are_found_recursively_sorted_and_once(tmp_path: Path) -> None:
    found = [touch(tmp_path / name) for name in ("b/two.MP3", "a/one.wav", "c.flac")]
    result = scan([tmp_path, tmp_path / "a", tmp_path / "c.flac"])
    assert result.candidates == sorted(found)


def test_portions_are_small_and_in_the_order_of_whole_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a-b/1.wav", "a/z.wav", "a.wav", "a0.wav", "a/b/c.wav", "a/.hidden.wav", "a/notes.txt")
    found = [touch(tmp_path / name) for name in names]
    monkeypatch.setattr("indexer.scan.PORTION", 2)
    search = Scan([tmp_path])
    portions = list(search.portions())
    assert [len(portion) for portion in portions] == [2, 2, 2, 1]
    assert [path for portion in portions for path in portion.candidates] == sorted(found[:5], key=os.fsencode)
    assert search.count() == 5


def test_folders_behind_links_are_counted(tmp_path: Path) -> None:
    sound = touch(tmp_path / "elsewhere" / "sound.wav")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(sound.parent)
    search = Scan([tmp_path / "root"])
    assert search.count() == 1
    assert search.linked_folders == 1
    assert [portion.candidates for portion in search.portions()] == [[tmp_path / "root/link/sound.wav"]]
    assert Scan([tmp_path / "elsewhere"]).count() == 1


def test_other_and_hidden_files_are_skipped_with_a_reason(tmp_path: Path) -> None:
    touch(tmp_path / "notes.txt")
    touch(tmp_path / ".hidden.wav")
    touch(tmp_path / ".git" / "sound.wav")
    result = scan([tmp_path])
    assert result.candidates == []
    reasons = {note.path.name: note.reason for note in result.skipped}
    assert reasons[".hidden.wav"] == reasons[".git"] == "hidden"
    assert "suffix" in reasons["notes.txt"]


def test_a_file_that_is_named_is_tried_whatever_its_suffix(tmp_path: Path) -> None:
    path = touch(tmp_path / "recording.dat")
    assert scan([path]).candidates == [path]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    sound = touch(tmp_path / "folder" / "sound.wav")
    (tmp_path / "folder" / "back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self.wav").symlink_to(tmp_path / "self.wav")
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "nowhere.wav")
    result = scan([tmp_path])
    assert result.candidates == [sound]
    assert {note.path.name: note.code for note in result.failed} == {
        "self.wav": DecodeReason.LINK_CIRCLE,
        "dangling.wav": DecodeReason.DANGLING_LINK,
    }
    assert [(note.path.name, "link" in note.reason) for note in result.skipped] == [("back", True)]


def test_a_missing_path_and_a_pipe_are_failures(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    result = scan([tmp_path, tmp_path / "missing"])
    assert {note.path.name: (note.code, note.reason) for note in result.failed} == {
        "pipe.wav": (DecodeReason.NOT_A_FILE, f"'{tmp_path}/pipe.wav' is a named pipe, not a file."),
        "missing": (DecodeReason.VANISHED, f"'{tmp_path}/missing' does not exist."),
    }


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_a_failure_and_the_rest_goes_on(tmp_path: Path) -> None:
    sound = touch(tmp_path / "sound.wav")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    result = scan([tmp_path])
    closed.chmod(0o700)
    assert result.candidates == [sound]
    assert [note.path for note in result.failed] == [closed]


@pytest.mark.parametrize(
    "name", [b"caf\xe9.wav", b"two\nlines.wav", "ゾウ.wav".encode(), b"tab\t\x1b[31m.wav"]
)
def test_any_name_survives_and_can_be_shown(tmp_path: Path, name: bytes) -> None:
    raw = os.fsencode(tmp_path) + b"/" + name
    with open(raw, "wb"):
        pass
    (path,) = scan([tmp_path]).candidates
    assert path_to_bytes(path) == raw
    assert path_from_bytes(path_to_bytes(path)).exists()
    shown = display_path(path)
    assert shown.isprintable()
    assert shown.encode("utf-8")
