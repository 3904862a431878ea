"""The benchmark of indexing gives every contender the same windows, and prints what they came to."""

import json
from pathlib import Path

import pytest

from benchmarks.contenders import Done
from benchmarks.indexing import Measured, Report, described, main, make_files
from benchmarks.sound_files import Sounds
from tests.indexer.sounds import write_tone


def measured(name: str, seconds: float) -> Measured:
    return Measured(name=name, done=Done(seconds=seconds, files=10, windows=10, audio_s=50.0), peak_bytes=1)


def test_a_report_says_which_wishes_are_reached() -> None:
    report = Report(
        model="default",
        device="cpu",
        formats=["wav"],
        rounds=1,
        measured=[measured("encoder alone", 8.0), measured("ours", 10.0), measured("loop", 31.0)],
        ours_to_encoder_alone=0.8,
        ours_to_loop=3.1,
        exported_to_loop=None,
    )
    said = described(report).splitlines()
    assert said[-2].endswith("ours / the encoder alone: 0.80 (at least 0.9 is wanted: not reached)")
    assert said[-1].endswith("ours / the loop with our model: 3.10 (at least 3 is wanted: reached)")
    assert said[-3].split()[-1] == "3.10"  # ours against the loop, in the loop's own row


def test_files_of_one_sound_differ_and_the_first_are_long(tmp_path: Path) -> None:
    write_tone(tmp_path / "sounds" / "a.wav", seconds=60, hz=300)
    folder = tmp_path / "files"
    folder.mkdir()
    make_files(
        range(3), sounds=Sounds(tmp_path / "sounds", most=1), folder=folder, formats=["wav", "flac"], long=1
    )
    files = sorted(folder.iterdir())
    assert [path.suffix for path in files] == [".wav", ".flac", ".wav"]
    assert files[0].stat().st_size >= 300 * 44_100 * 2  # sixteen bits a sample
    assert files[2].stat().st_size < files[0].stat().st_size / 4


@pytest.mark.slow
def test_ours_embeds_what_the_encoder_alone_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        write_tone(tmp_path / "sounds" / f"{number}.wav", seconds=12, hz=200 * (number + 1))
    report = tmp_path / "report.json"
    data = ["--data", str(tmp_path / "sounds"), "--files", "12", "--long", "0"]
    main([*data, "--only", "encoder alone", "ours", "--json", str(report)])
    assert "ours / the encoder alone" in capsys.readouterr().out
    alone, ours = (each["done"] for each in json.loads(report.read_text())["measured"])
    assert (alone["files"], alone["failed"]) == (ours["files"], ours["failed"]) == (12, 0)
    assert alone["windows"] == ours["windows"] > 12
    assert alone["audio_s"] == pytest.approx(ours["audio_s"])
