"""``sonoglot index --watch`` as a process of its own, beside others that change files and write to the store."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from typer.testing import CliRunner

from indexer.store import open_store, open_store_for_writing
from sonoglot.cli import app
from tests.indexer.sounds import tone, wav_bytes, write_tone

ROOT = Path(__file__).parents[2]
DEADLINE_S = 120.0


class Lines:
    """What a process says, line by line, each waited for no longer than the deadline."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: [self._lines.put(line) for line in stream], daemon=True).start()

    def until(self, is_it: Callable[[str], bool]) -> str:
        while True:
            line = self._lines.get(timeout=DEADLINE_S)
            if is_it(line):
                return line


class Watching:
    """The command, watching ``sounds``."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.sounds, self.store, self.report = folder / "sounds", folder / "store", folder / "report.jsonl"
        command = [
            sys.executable,
            "-m",
            "sonoglot",
            "index",
            str(self.sounds),
            "--library",
            "live",
            "--watch",
        ]
        command += ["--store", str(self.store), "--report", str(self.report), "--json", "--settle", "0.3"]
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def round_with(self, state: str) -> dict[str, Any]:
        """The next round in which a file ends in this state."""
        return json.loads(self._out.until(lambda line: json.loads(line)["counts"][state] > 0))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=DEADLINE_S)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    for number in range(2):
        write_tone(tmp_path / "sounds" / f"{number}.wav", seconds=1, hz=200 + 300 * number)
    started = Watching(tmp_path)
    yield started
    started.process.kill()
    started.process.wait()


def names(reports: list[dict[str, str]]) -> set[str]:
    return {os.path.basename(report["path"]) for report in reports}


def test_a_library_follows_its_folder_and_others_may_write_between(watching: Watching) -> None:
    first = watching.round_with("indexed")
    assert (first["everything"], names(first["indexed"])) == (True, {"0.wav", "1.wav"})
    write_tone(watching.sounds / "new" / "2.wav", seconds=1, hz=900)
    (watching.sounds / "new" / "notes.txt").write_text("no sound")
    added = watching.round_with("indexed")
    assert (added["everything"], names(added["indexed"]), added["searchable"]) == (False, {"2.wav"}, 3)

    (watching.sounds / "new").rename(watching.sounds / "newer")
    assert watching.round_with("unchanged")["moved"] == 1
    (watching.sounds / "0.wav").unlink()
    assert names(watching.round_with("missing")["missing"]) == {"0.wav"}

    with open_store_for_writing(watching.store) as store:  # Nobody holds the lock between rounds.
        assert store.catalog.remove_missing("live") == 1
        (watching.sounds / "3.wav").write_bytes(wav_bytes(tone(seconds=1, hz=1500)))
        watching.err.until(lambda line: "waiting" in line)
        store.save_index()
    assert names(watching.round_with("indexed")["indexed"]) == {"3.wav"}

    assert watching.end(signal.SIGTERM) == 0
    watching.err.until(lambda line: "Stopped" in line)
    with open_store(watching.store) as store:
        assert store.index_is_saved()
        clips = store.catalog.clips("live")
        assert {clip.path.name for clip in clips} == {"1.wav", "2.wav", "3.wav"}
    reported = [json.loads(line) for line in watching.report.read_text().splitlines()]
    assert {"indexed", "missing", "skipped", "unchanged"} == {line["state"] for line in reported}


def test_ctrl_c_in_the_middle_of_a_round_keeps_and_publishes_what_is_done(watching: Watching) -> None:
    for number in range(1000):
        path = watching.sounds / f"later-{number:04}.wav"
        path.write_bytes(wav_bytes(tone(seconds=0.2, hz=100 + number)))
    watching.err.until(lambda line: line.startswith("committed") and not line.startswith("committed 0"))
    assert watching.end(signal.SIGINT) == 0
    with open_store(watching.store) as store:
        assert store.index_is_saved()
        assert 0 < len(store.snapshot()) == len(store.catalog.clips("live"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--prune"], "--yes"),
        (["--retry-failed"], "without --retry-failed"),
        ([], "only folders can be watched"),
    ],
)
def test_what_cannot_be_watched_is_refused(tmp_path: Path, options: list[str], said: str) -> None:
    path = write_tone(tmp_path / "a.wav", seconds=1)
    store = str(tmp_path / "store")
    command = ["index", str(path), "--library", "x", "--watch", "--store", store, *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert said in result.stderr
