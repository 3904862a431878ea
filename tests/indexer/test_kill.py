"""Killed with SIGKILL at any moment, a store opens and searches, and the next run finishes the work."""

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.build import index_paths
from indexer.queries import audio_vector
from indexer.search import search
from indexer.store import open_store, open_store_for_writing
from model.directory import load_model
from tests.indexer.sounds import write_tone
from tests.indexer.test_store import AXES, SPACE, clip, content, fill, names

ROOT = Path(__file__).parents[2]
CLIPS = 60

Segments = dict[str, tuple[list[list[float]], NDArray[np.float32]]]


def segments(store_directory: Path) -> Segments:
    with open_store(store_directory) as store:
        held = [
            (clip.path.name, store.catalog.segments_of(clip.clip_id)) for clip in store.catalog.clips("test")
        ]
        assert len(store.snapshot()) == sum(len(content.vectors) for _, content in held)
    return {name: (content.spans_s.tolist(), content.vectors) for name, content in held}


def run_until(
    store: Path, sounds: Path, model_dir: Path, should_kill: Callable[[str, int, int], bool]
) -> bool:
    """Index in another process, and kill it at the first line that ``should_kill`` says yes to; whether it
    was."""
    command = [sys.executable, "-m", "tests.indexer.indexing_process"]
    command += map(str, (store, sounds, model_dir))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "finished\n":
                break
            step, done, _, total = line.split()
            if should_kill(step, int(done), int(total)):
                process.kill()
                return process.wait() == -signal.SIGKILL
        assert process.wait() == 0
    return False


def test_indexing_survives_being_killed_again_and_again(tmp_path: Path, exported: Path) -> None:
    model = load_model(exported)
    sounds, store = tmp_path / "sounds", tmp_path / "store"
    for number in range(CLIPS):
        write_tone(sounds / f"{number:03}.wav", seconds=0.5 + number % 9, hz=80 * 1.03**number)
    chance = random.Random(8)
    first = chance.randrange(1, 20)
    moments: list[Callable[[str, int, int], bool]] = [
        lambda step, done, total: step == "file" and done == first,  # Nothing, or little, is committed yet.
        lambda step, done, total: step == "commit" and done > 0,
        lambda step, done, total: step == "file" and done == CLIPS - chance.randrange(2, 10),
        lambda step, done, total: (
            step == "commit" and done == total
        ),  # The index file is about to be written.
    ]
    held = 0
    for moment in moments:
        if not run_until(store, sounds, exported, moment):
            continue  # It was quicker than the kill: nothing was lost, and nothing is left to do.
        with open_store(store, space=model.space) as opened:
            found = search(opened, audio_vector(model, sounds / "000.wav"), k=CLIPS)
            clips = opened.catalog.clips("test")
            assert {hit.clip_id for hit in found} == {item.clip_id for item in clips}
            # Whatever a run had committed, no later kill may lose.
            assert len(clips) >= held
            held = len(clips)
    assert held > 0
    assert not run_until(store, sounds, exported, lambda step, done, total: False)
    resumed = segments(store)

    with open_store_for_writing(tmp_path / "whole", space=model.space) as opened:
        index_paths(opened, model, library="test", paths=[sounds])
    whole = segments(tmp_path / "whole")
    assert len(whole) == CLIPS
    assert resumed.keys() == whole.keys()
    for name, (spans, vectors) in whole.items():
        assert resumed[name][0] == spans
        np.testing.assert_allclose(resumed[name][1], vectors, atol=1e-5)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("step", "number"),
    [("put", 1), ("put", 2), ("write_index", 1), ("fsync", 1), ("fsync", 2), ("replace", 1), ("replace", 2)],
)
def test_a_kill_at_an_exact_step_of_writing_leaves_a_whole_store(
    tmp_path: Path, step: str, when: str, number: int
) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])))
    command = [sys.executable, "-m", "tests.indexer.dying_process", str(tmp_path), step, when, str(number)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    committed = "abc"
    if step == "put":
        committed = "abc"[: number + (when == "after")]
    for _ in range(2):
        with open_store(tmp_path, space=SPACE) as store:
            assert sorted(names(store, AXES[0])) == list(committed)
            assert names(store, AXES["abc".index(committed[-1])], k=1) == [committed[-1]]
            assert store.index_is_saved()
    with open_store_for_writing(tmp_path, space=SPACE) as store:
        store.catalog.put([(clip("d"), content(AXES[3]))])
        store.save_index()
        assert names(store, AXES[3], k=1) == ["d"]
    leftovers = {path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"}
    assert leftovers == set()
