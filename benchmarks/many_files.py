"""Does a library survive being killed? Many real files, indexed once undisturbed and once killed at random moments.

    python -m benchmarks.many_files --data SOUNDS --work DIR [--files 20000] [--kills 10]

Makes the files from the sounds below SOUNDS: each cut short and made louder or softer by chance so that no two are the
same, every format in turn, some exact copies, some broken. Then two stores are built, the second one by processes that
get SIGKILL at random moments, and compared clip by clip and vector for vector. Memory is read from /proc.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from indexer.audio import decode_audio
from indexer.records import ClipStatus
from indexer.scan import scan
from indexer.store import open_store

RATE_HZ = 48_000
FORMATS = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "aiff", "webm")
_FFMPEG = {
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
    "m4a": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
}
_SOUNDS_HELD = 64


def make_files(sources: list[Path], folder: Path, *, numbers: range, seed: int) -> None:
    """Write the files with these numbers; what a file holds depends on seed and number alone."""
    held: dict[Path, NDArray[np.float32]] = {}
    for number in numbers:
        chance = random.Random(f"{seed} {number}")
        suffix = FORMATS[number % len(FORMATS)]
        path = folder / f"{number // 1000:03}" / f"{number % 1000:03}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        fate = chance.random()
        if fate < 0.02:
            path.write_bytes(chance.choice([b"", b"no sound at all", bytes(5000)]))
            continue
        original = chance.choice(sources[:: max(1, len(sources) // _SOUNDS_HELD)])
        if original not in held:
            held[original] = decode_audio(original, sample_rate_hz=RATE_HZ)
        samples = held[original]
        length = min(len(samples), round(chance.uniform(0.3, 4.0) * RATE_HZ))
        start = chance.randrange(len(samples) - length + 1)
        cut = samples[start : start + length] * chance.uniform(0.3, 0.9)
        if fate > 0.98:
            cut = (
                samples[: 2 * RATE_HZ] * 0.5
            )  # copies of each other, as far as the format gives the same back
        _write(path, cut.astype(np.float32), suffix)
        if 0.02 <= fate < 0.03:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def _write(path: Path, samples: NDArray[np.float32], suffix: str) -> None:
    if suffix not in _FFMPEG:
        soundfile.write(path, samples, RATE_HZ, format="OGG" if suffix == "ogg" else None)
        return
    kind, codec = _FFMPEG[suffix]
    with av.open(str(path), mode="w", format=kind) as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE_HZ
        resampler = av.AudioResampler(stream.format, "mono", RATE_HZ, frame_size=stream.frame_size or None)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def index(folder: Path, store: Path, *, kill_after_s: float | None) -> tuple[bool, list[float]]:
    """Index in another process; whether it ended by itself, and its memory in MB, twice a second."""
    command = [
        sys.executable,
        "-m",
        "sonoglot",
        "index",
        str(folder),
        "--library",
        "many",
        "--store",
        str(store),
    ]
    memory_mb: list[float] = []
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while True:
            try:
                process.wait(timeout=0.5)
                return process.returncode == 0, memory_mb
            except subprocess.TimeoutExpired:
                memory_mb.append(_memory_mb(process.pid))
            if kill_after_s is not None and time.monotonic() - started > kill_after_s:
                process.kill()
                return False, memory_mb


def _memory_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def differences(first: Path, second: Path) -> dict[str, int | float]:
    """Compare two stores: clips and states that differ, vectors that differ in any bit, and by how much at most."""
    found: dict[str, int | float] = {"clips": 0, "indexed": 0, "clips_differ": 0, "vectors": 0}
    found |= {"vectors_differ": 0, "largest": 0.0}
    with open_store(first) as one, open_store(second) as other:
        clips = {clip.path: clip for clip in one.catalog.clips("many")}
        others = {clip.path: clip for clip in other.catalog.clips("many")}
        found["clips"] = len(clips)
        found["indexed"] = sum(clip.status is ClipStatus.INDEXED for clip in clips.values())
        found["index_sizes_differ"] = abs(len(one.snapshot()) - len(other.snapshot()))
        for path in clips.keys() | others.keys():
            a, b = clips.get(path), others.get(path)
            if (
                a is None
                or b is None
                or (a.clip_id, a.status, a.reason_code) != (b.clip_id, b.status, b.reason_code)
            ):
                found["clips_differ"] += 1
                continue
            mine, theirs = one.catalog.segments_of(a.clip_id), other.catalog.segments_of(b.clip_id)
            if mine.audio_sha256 != theirs.audio_sha256 or mine.spans_s.tolist() != theirs.spans_s.tolist():
                found["clips_differ"] += 1
                continue
            gap = np.abs(mine.vectors - theirs.vectors)
            found["vectors"] += len(gap)
            found["vectors_differ"] += int((gap.max(axis=1) > 0).sum()) if gap.size else 0
            found["largest"] = max(found["largest"], float(gap.max()) if gap.size else 0.0)
    return found


def main() -> None:
    """Make the files, index them twice, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder, chance = asked.work / "files", random.Random(asked.seed)
    sources = scan([asked.data]).candidates
    started = time.monotonic()
    with ProcessPoolExecutor() as pool:
        parts = [range(at, min(at + 250, asked.files)) for at in range(0, asked.files, 250)]
        for future in [
            pool.submit(make_files, sources, folder, numbers=part, seed=asked.seed) for part in parts
        ]:
            future.result()
    print(f"{asked.files} files made in {time.monotonic() - started:.0f} s", flush=True)
    started = time.monotonic()
    ended, memory = index(folder, asked.work / "undisturbed", kill_after_s=None)
    undisturbed_s = time.monotonic() - started
    third = max(1, len(memory) // 3)
    print(f"undisturbed: {undisturbed_s:.0f} s, ended well: {ended}", flush=True)
    print(
        f"memory in MB, highest of each third: {[round(max(memory[i * third : (i + 1) * third], default=0)) for i in range(3)]}"
    )
    kills = 0
    while kills < asked.kills:
        # Runs share the work: each may be killed anywhere in its part of it, and while it starts or ends.
        ended, _ = index(
            folder,
            asked.work / "killed",
            kill_after_s=chance.uniform(1, 2 * undisturbed_s / (asked.kills + 1)),
        )
        kills += not ended
        print(f"killed {kills} times" if not ended else "a run ended before it was killed", flush=True)
        if ended:
            break
    ended, _ = index(folder, asked.work / "killed", kill_after_s=None)
    print(f"the last run ended well: {ended}")
    print(json.dumps(differences(asked.work / "undisturbed", asked.work / "killed"), indent=2))


if __name__ == "__main__":
    main()
