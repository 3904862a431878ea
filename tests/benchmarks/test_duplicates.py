"""The benchmark of near-duplicates finds the copies that it made, each in its own column."""

import sys
from pathlib import Path

import pytest

from benchmarks.duplicates import FORMS, main
from tests.indexer.sounds import write_tone


@pytest.mark.slow
def test_a_lossless_copy_is_found_at_every_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        write_tone(tmp_path / f"{number}.wav", seconds=4, hz=200.0 * (number + 1))
    monkeypatch.setattr(sys, "argv", ["duplicates", str(tmp_path), "--copied", "2"])
    main()
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("4 sounds, 2 of them copied")
    head, _, *rows = [line.strip("| ").split(" | ") for line in said if line.startswith("|")]
    assert head[1 : 1 + len(FORMS)] == [form.name for form in FORMS]
    thresholds, lossless = zip(*((float(row[0]), float(row[1])) for row in rows), strict=True)
    assert list(thresholds) == sorted(thresholds)
    assert set(lossless) == {1.0}
