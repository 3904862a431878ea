"""How fast a library is indexed, against the encoder alone and loops over files; README.md says what is compared.

python -m benchmarks.indexing --data SOUNDS [--files N] [--model full] [--device cuda] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import CONTENDERS, Done, Job
from benchmarks.memory import MIB, memory_of_tree
from benchmarks.sound_files import Sounds, in_parallel, write_sound

FORMATS = ("wav", "flac", "mp3", "ogg", "opus", "aiff")  # what librosa reads without a program beside it
RATE_HZ, OPUS_RATE_HZ = 44_100, 48_000
LONG_S = 300.0
NEED_LIBROSA = ("loop", "clap")
NEED_DEFAULT = ("ours exported",)
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A contender's median round; the peak of memory is of all its processes, what was loaded included."""

    name: str
    done: Done
    peak_bytes: int

    @property
    def speed(self) -> float:
        """Seconds of audio in a second."""
        return self.done.audio_s / self.done.seconds


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run came to; a ratio is of speeds, and None where one of the two was not measured."""

    model: str
    device: str
    formats: list[str]
    rounds: int
    measured: list[Measured]
    ours_to_encoder_alone: float | None
    ours_to_loop: float | None
    exported_to_loop: float | None


def make_files(numbers: range, *, sounds: Sounds, folder: Path, formats: Sequence[str], long: int) -> None:
    """Write the files with these numbers, formats in turn: whole sounds, but of the first ``long`` many in a row."""
    for number in numbers:
        suffix = formats[number % len(formats)]
        rate_hz = OPUS_RATE_HZ if suffix in ("opus", "webm") else RATE_HZ
        samples = sounds.samples(number, rate_hz=rate_hz)
        if number < long:
            samples = _row(sounds, number, rate_hz=rate_hz)
        louder = 0.5 + 0.4 * ((number * 0.618) % 1)  # where sounds come again, they are not copies
        write_sound(folder / f"{number:06}.{suffix}", (louder * samples).astype(np.float32), rate_hz=rate_hz)


def _row(sounds: Sounds, number: int, *, rate_hz: int) -> NDArray[np.float32]:
    parts: list[NDArray[np.float32]] = []
    while sum(map(len, parts)) < LONG_S * rate_hz:
        parts.append(sounds.samples(number + len(parts), rate_hz=rate_hz))
    return np.concatenate(parts)


def run_contender(name: str, job: Job) -> Measured:
    """Run a contender in a process of its own, beside which this one only looks at its memory."""
    with tempfile.TemporaryDirectory(dir=job.folder) as folder:
        file = Path(folder) / "job.json"
        file.write_text(json.dumps(asdict(job) | {"folder": folder}))
        command = [sys.executable, "-m", "benchmarks.contenders", name, str(file)]
        peak = 0
        # Of the encoder's streams each has one thread, also where there is but one stream.
        env = os.environ | ({} if job.encoder_cores is None else {"OMP_NUM_THREADS": "1"})
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
            while True:
                try:
                    said, _ = process.communicate(timeout=_LOOK_EVERY_S)
                    break
                except subprocess.TimeoutExpired:
                    peak = max(peak, memory_of_tree(process.pid))
        if process.returncode != 0:
            raise SystemExit(f"The contender {name!r} failed; what it said is above.")
    return Measured(name=name, done=Done(**json.loads(said.splitlines()[-1])), peak_bytes=peak)


def run(job: Job, *, names: Sequence[str], formats: Sequence[str], rounds: int) -> Report:
    """Run every contender ``rounds`` times, in turn."""
    tries: dict[str, list[Measured]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            tries[name].append(run_contender(name, job))
            print(f"round {number + 1}: {name} {tries[name][-1].done.seconds:.1f} s", file=sys.stderr)
    medians = {name: _median(each) for name, each in tries.items()}
    return Report(
        model=job.model,
        device=job.device,
        formats=list(formats),
        rounds=rounds,
        measured=list(medians.values()),
        ours_to_encoder_alone=_ratio(medians, "ours", "encoder alone"),
        ours_to_loop=_ratio(medians, "ours", "loop"),
        exported_to_loop=_ratio(medians, "ours exported", "loop"),
    )


def _median(tries: list[Measured]) -> Measured:
    middle = statistics.median_low(measured.done.seconds for measured in tries)
    return next(measured for measured in tries if measured.done.seconds == middle)


def _ratio(medians: dict[str, Measured], one: str, other: str) -> float | None:
    if one not in medians or other not in medians:
        return None
    return medians[one].speed / medians[other].speed


def described(report: Report) -> str:
    """Return a report for people."""
    ours = next((measured for measured in report.measured if measured.name == "ours"), None)
    what = "BEATs of full size at random weights" if report.model == "full" else "the default model"
    lines = [
        f"{what} on {report.device}; {', '.join(report.formats)} in turn; medians of {report.rounds} rounds",
        f"{'':15}{'s':>9}{'CPU s':>9}{'audio s/s':>11}{'files/s':>9}{'windows':>9}{'windows/s':>11}"
        f"{'failed':>8}{'MiB':>8}{'ours is':>9}",
    ]
    for measured in report.measured:
        done = measured.done
        lines.append(
            f"{measured.name:15}{done.seconds:9.2f}{done.cpu_s:9.2f}{measured.speed:11.1f}"
            f"{done.files / done.seconds:9.2f}{done.windows:9}{done.windows / done.seconds:11.2f}"
            f"{done.failed:8}{measured.peak_bytes // MIB:8}"
            + (f"{ours.speed / measured.speed:9.2f}" if ours else "")
        )
    for ratio, of, least in (
        (report.ours_to_encoder_alone, "ours / the encoder alone", 0.9),
        (report.ours_to_loop, "ours / the loop with our model", 3.0),
        (report.exported_to_loop, "ours, exported / the loop with our model", 3.0),
    ):
        if ratio is not None:
            told = "reached" if ratio >= least else "not reached"
            lines.append(f"{of}: {ratio:.2f} (at least {least:g} is wanted: {told})")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, make the files, measure, print."""
    parser = argparse.ArgumentParser(
        description="Time indexing against the encoder alone and loops over files."
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of sounds to make the files from")
    parser.add_argument("--files", type=int, default=600)
    parser.add_argument("--long", type=int, default=3, help=f"how many of them last {LONG_S:g} s or more")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--model", choices=("default", "full"), default="default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--encoder-cores",
        type=int,
        help="leave the encoder so many cores, the others to decoding, as beside a GPU",
    )
    parser.add_argument("--only", nargs="+", choices=tuple(CONTENDERS), help="leave the others out")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    given = parser.parse_args(arguments)
    formats, names = given.formats.split(","), given.only or list(CONTENDERS)
    if find_spec("librosa") is None:
        print("The loops over files are left out: they need librosa (pip install 'sonoglot[bench]').")
        names = [name for name in names if name not in NEED_LIBROSA]
    if given.model != "default":
        names = [name for name in names if name not in NEED_DEFAULT]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "files"
        folder.mkdir()
        sounds = Sounds(given.data, most=given.files)
        in_parallel(
            partial(make_files, sounds=sounds, folder=folder, formats=formats, long=given.long), given.files
        )
        files = [str(path) for path in sorted(folder.iterdir())]
        job = Job(
            files=files,
            model=given.model,
            device=given.device,
            folder=name,
            encoder_cores=given.encoder_cores,
        )
        report = run(job, names=names, formats=formats, rounds=given.rounds)
    print(described(report))
    if given.json:
        given.json.write_text(json.dumps(asdict(report), indent=2) + "\n")


if __name__ == "__main__":
    main()
