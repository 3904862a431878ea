"""Does a library survive being killed? Many real files, indexed once undisturbed and once killed at random moments.

    python -m benchmarks.many_files --data SOUNDS --work DIR [--files 20000] [--kills 10]

Makes the files from the sounds below SOUNDS: each cut short and made louder or softer by chance so that no two are the
same, every format in turn, some exact copies, some broken. Then two stores are built, the second one by processes that
get SIGKILL at random moments, and compared clip by clip and vector for vector. Memory is that of the process and its
decoders.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.memory import MIB, memory_of_tree
from benchmarks.sound_files import FORMATS, Sounds, in_parallel, write_sound
from indexer.records import Clip, ClipStatus
from indexer.store import Store, open_store

RATE_HZ = 48_000
LIBRARY = "many"
_SOUNDS = 64
_BROKEN, _CUT_OFF, _COPIES = 0.02, 0.01, 0.02  # shares of the files


def make_files(numbers: range, *, sounds: Sounds, folder: Path, seed: int) -> None:
    """Write the files with these numbers; what a file holds depends on seed and number alone."""
    for number in numbers:
        path = folder / f"{number // 1000:03}" / f"{number % 1000:03}.{FORMATS[number % len(FORMATS)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_file(path, sounds, random.Random(f"{seed} {number}"))


def _make_file(path: Path, sounds: Sounds, chance: random.Random) -> None:
    fate = chance.random()
    if fate < _BROKEN:
        path.write_bytes(chance.choice([b"", b"no sound at all", bytes(5000)]))
        return
    samples = sounds.samples(chance.randrange(len(sounds.paths)), rate_hz=RATE_HZ)
    if fate > 1 - _COPIES:  # of each other, as far as the format gives the same back
        cut = samples[: 2 * RATE_HZ] * 0.5
    else:
        length = min(len(samples), round(chance.uniform(0.3, 4.0) * RATE_HZ))
        start = chance.randrange(len(samples) - length + 1)
        cut = samples[start : start + length] * chance.uniform(0.3, 0.9)
    write_sound(path, cut.astype(np.float32), rate_hz=RATE_HZ)
    if fate < _BROKEN + _CUT_OFF:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def index(folder: Path, store: Path, *, kill_after_s: float | None) -> tuple[bool, list[int]]:
    """Index in another process; whether it was killed, and the memory of it and its decoders, twice a second."""
    command = [sys.executable, "-m", "sonoglot", "index", str(folder)]
    command += ["--library", LIBRARY, "--store", str(store)]
    memory: list[int] = []
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while True:
            try:
                _, said = process.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                memory.append(memory_of_tree(process.pid))
            if kill_after_s is not None and time.monotonic() - started > kill_after_s:
                process.kill()
                return True, memory
    if process.returncode != 0:
        raise SystemExit(f"Indexing failed:\n{said[-2000:]}")
    return False, memory


def index_with_kills(folder: Path, store: Path, *, kills: int, within_s: float, chance: random.Random) -> int:
    """Index, killed at random moments of up to ``within_s`` and started again; how often it was killed."""
    for killed in range(kills):
        was_killed, _ = index(folder, store, kill_after_s=chance.uniform(1, within_s))
        if not was_killed:
            print("a run ended before it was killed", flush=True)
            return killed
        print(f"killed {killed + 1} times", flush=True)
    index(folder, store, kill_after_s=None)
    return kills


def differences(first: Path, second: Path) -> dict[str, int | float]:
    """Compare two stores: clips and states that differ, vectors that differ in any bit, and by how much at most."""
    found: dict[str, int | float] = {"clips": 0, "indexed": 0, "clips_differ": 0, "vectors": 0}
    found |= {"vectors_differ": 0, "largest": 0.0}
    with open_store(first) as one, open_store(second) as other:
        clips = {clip.path: clip for clip in one.catalog.clips(LIBRARY)}
        others = {clip.path: clip for clip in other.catalog.clips(LIBRARY)}
        found["clips"] = len(clips)
        found["indexed"] = sum(clip.status is ClipStatus.INDEXED for clip in clips.values())
        found["index_sizes_differ"] = abs(len(one.snapshot()) - len(other.snapshot()))
        for path in clips.keys() | others.keys():
            gap = _gap(one, clips.get(path), other, others.get(path))
            if gap is None:
                found["clips_differ"] += 1
                continue
            found["vectors"] += len(gap)
            found["vectors_differ"] += int((gap > 0).sum())
            found["largest"] = max(found["largest"], float(gap.max(initial=0.0)))
    return found


def _gap(one: Store, mine: Clip | None, other: Store, theirs: Clip | None) -> np.ndarray | None:
    """How far apart each pair of vectors is at most, (N,); None if the clips themselves are not the same."""
    if mine is None or theirs is None or _facts(mine) != _facts(theirs):
        return None
    a, b = one.catalog.segments_of(mine.clip_id), other.catalog.segments_of(theirs.clip_id)
    if a.audio_sha256 != b.audio_sha256 or a.spans_s.tolist() != b.spans_s.tolist():
        return None
    return np.abs(a.vectors - b.vectors).max(axis=1, initial=0.0)


def _facts(clip: Clip) -> tuple[str, ClipStatus, str | None]:
    return clip.clip_id, clip.status, clip.reason_code


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the files, index them twice, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="an empty folder")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    folder, chance = asked.work / "files", random.Random(asked.seed)
    started = time.monotonic()
    sounds = Sounds(asked.data, most=_SOUNDS)
    in_parallel(partial(make_files, sounds=sounds, folder=folder, seed=asked.seed), asked.files)
    print(f"{asked.files} files made in {time.monotonic() - started:.0f} s", flush=True)
    started = time.monotonic()
    _, memory = index(folder, asked.work / "undisturbed", kill_after_s=None)
    undisturbed_s = time.monotonic() - started
    print(f"undisturbed: {undisturbed_s:.0f} s", flush=True)
    third = max(1, len(memory) // 3)
    thirds = [memory[:third], memory[third : 2 * third], memory[2 * third :]]
    highest = [max(part, default=0) // MIB for part in thirds]
    print(f"memory in MiB, highest of each third: {highest}", flush=True)
    # Together the killed runs do about two thirds of the work: all are killed, and something is left to do.
    within_s = 1.4 * undisturbed_s / (asked.kills + 1)
    killed = index_with_kills(
        folder, asked.work / "killed", kills=asked.kills, within_s=within_s, chance=chance
    )
    compared = {"kills": killed} | differences(asked.work / "undisturbed", asked.work / "killed")
    print(json.dumps(compared, indent=2))


if __name__ == "__main__":
    main()
