"""The benchmark makes files that differ, kills a run for real, and sees a difference where there is one."""

import json
import sqlite3
from pathlib import Path

import pytest

from benchmarks.many_files import differences, main
from tests.indexer.sounds import write_tone


@pytest.mark.slow
def test_a_killed_library_equals_an_undisturbed_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_tone(tmp_path / "sounds" / f"{number}.wav", seconds=5, hz=200 * (number + 1))
    work = tmp_path / "work"
    main(["--data", str(tmp_path / "sounds"), "--work", str(work), "--files", "24", "--kills", "1"])
    said = capsys.readouterr().out
    found = json.loads(said[said.index("{") :])
    assert found["clips"] == 24
    assert found["vectors"] >= found["indexed"] > 16
    wrong = {key: found[key] for key in ("clips_differ", "vectors_differ", "largest", "index_sizes_differ")}
    assert wrong == dict.fromkeys(wrong, 0)
    files = [path.read_bytes() for path in sorted((work / "files").rglob("*.*"))]
    assert len(set(files)) > 20

    with sqlite3.connect(work / "killed" / "catalog.sqlite") as catalog:
        vector = bytearray(catalog.execute("SELECT vector FROM segments WHERE id = 1").fetchone()[0])
        vector[3] ^= 1
        catalog.execute("UPDATE segments SET vector = ? WHERE id = 1", (bytes(vector),))
    assert differences(work / "undisturbed", work / "killed")["vectors_differ"] == 1
