"""Everything at once for a while: searches, uploads, republishing and processes killed; what must still hold.

    python -m benchmarks.soak --data SOUNDS [--minutes 10] [--json FILE]

A real server (``sonoglot serve``, with its worker) over a store in a temporary folder. Three threads search, by words,
by sounds and page by page; one uploads; one changes a folder and has it indexed again, again and again; one kills the
worker, or what embeds for the server. In the end no job may be lost, no answer wrong (a sound that was there from the
start finds itself; pages have nothing twice), no answer other than 2xx unexpected, and memory no larger than after the
first third.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import MIB, children_of, own_memory_of_tree
from benchmarks.service import free_port, questions, running
from benchmarks.sound_files import Sounds, write_sound
from sonoglot.client import Client, SonoglotError

RATE_HZ = 44_100
EXPECTED = {409, 429, 503}
"""Too much at once, or being published: what a client comes back after. The client itself retries twice or thrice."""

_STANDING = 60  # clips that are there from the start
_CHANGING = 20
_OF_EMBEDDING = 0.2
"""Share of the kills that what embeds gets, for loading the model again takes it many seconds."""
_LIBRARY, _UPLOADED, _CHANGED = "standing", "uploaded", "changed"


@dataclass
class Seen:
    """What happened, told by several threads."""

    done: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    memory_mb: list[int] = field(default_factory=list)


class Soak:
    """The load on one server at an address, until ``stop`` is set."""

    def __init__(
        self, url: str, process: int, folder: Path, sounds: Sounds, *, pauses_s: tuple[float, float]
    ) -> None:
        self.seen, self.stop = Seen(), threading.Event()
        self._pauses_s = pauses_s
        self._url, self._process, self._folder, self._sounds = url, process, folder, sounds

    def run(self, seconds: float) -> None:
        """Do all at once for so long, then wait for the jobs that are left."""
        loads = [
            self.by_words,
            self.by_sounds,
            self.by_pages,
            self.uploads,
            self.changes,
            self.kills,
            self.watch,
        ]
        threads = [threading.Thread(target=self._repeat, args=(load,)) for load in loads]
        for thread in threads:
            thread.start()
        self.stop.wait(seconds)
        self.stop.set()
        for thread in threads:
            thread.join()
        with Client(self._url) as client:
            for job_id in self.seen.jobs:
                job = client.wait_for_job(job_id)
                self.seen.done[f"jobs {job.state}"] += 1
                if job.state != "done":
                    self.seen.wrong.append(f"job {job_id} ended as {job.state}: {job.error}")

    def by_words(self, client: Client, chance: random.Random) -> None:
        answer = client.search(next(_TEXTS), library=_LIBRARY, k=5)
        if len(answer.hits) != 5:
            self.seen.wrong.append(f"{len(answer.hits)} hits of 5")

    def by_sounds(self, client: Client, chance: random.Random) -> None:
        path = self._folder / _LIBRARY / f"{chance.randrange(_STANDING)}.wav"
        first = client.search(audio=path, library=_LIBRARY, k=1).hits[0]
        if Path(first.path) != path or first.score < 0.999:
            self.seen.wrong.append(f"{path.name} found {first.path} ({first.score:.4f})")

    def by_pages(self, client: Client, chance: random.Random) -> None:
        pages = list(client.pages(next(_TEXTS), k=25))
        times = Counter((hit.library, hit.path) for page in pages for hit in page.hits)
        for library, path in (place for place, count in times.items() if count > 1):
            # A clip whose file was written anew between two pages is another sound, and may come after what was shown.
            if library == _CHANGED:
                self.seen.done["sounds that changed between pages"] += 1
            else:
                self.seen.wrong.append(f"{path} came twice in pages")
        if len({hit.clip_id for page in pages for hit in page.hits if hit.library == _LIBRARY}) != _STANDING:
            self.seen.wrong.append("pages lack a clip that was always there")

    def uploads(self, client: Client, chance: random.Random) -> None:
        path = self._folder / "upload.wav"
        self._write(path, chance)
        uploaded = client.upload(_UPLOADED, path)
        if uploaded.job is None:
            self.seen.wrong.append("an upload has no job")
        else:
            self.seen.jobs.append(uploaded.job.job_id)
        self.stop.wait(2)

    def changes(self, client: Client, chance: random.Random) -> None:
        folder = self._folder / _CHANGED
        folder.mkdir(exist_ok=True)
        path = folder / f"{chance.randrange(_CHANGING)}.wav"
        if path.exists() and chance.random() < 0.3:
            path.unlink()
        else:
            self._write(path, chance)
        job = client.submit_job(_CHANGED, {"folder": str(folder)})
        self.seen.jobs.append(job.job_id)
        client.wait_for_job(job.job_id)

    def kills(self, client: Client, chance: random.Random) -> None:
        self.stop.wait(chance.uniform(*self._pauses_s))
        program = "service.embedding_child" if chance.random() < _OF_EMBEDDING else "worker"
        for child in children_of(self._process):
            with suppress(FileNotFoundError, ProcessLookupError):  # where it has just ended
                if program in Path(f"/proc/{child}/cmdline").read_text().split("\0"):
                    os.kill(child, signal.SIGKILL)
                    self.seen.killed[program] += 1

    def watch(self, client: Client, chance: random.Random) -> None:
        self.seen.memory_mb.append(own_memory_of_tree(self._process) // MIB)
        self.stop.wait(1)

    def _repeat(self, load: Callable[[Client, random.Random], None]) -> None:
        chance = random.Random(load.__name__)
        with Client(self._url) as client:
            while not self.stop.is_set():
                try:
                    load(client, chance)
                    self.seen.done[load.__name__] += 1
                except SonoglotError as error:
                    self.seen.refused[error.status] += 1
                    if error.status not in EXPECTED:
                        self.seen.wrong.append(f"{load.__name__}: {error.status} {error}")
                except Exception as error:  # whatever it is, it is a finding
                    self.seen.wrong.append(f"{load.__name__}: {error!r}")

    def _write(self, path: Path, chance: random.Random) -> None:
        whole = self._sounds.samples(chance.randrange(len(self._sounds.paths)), rate_hz=RATE_HZ)
        temporary = path.with_name(f".{path.name}")
        samples = whole[: round(chance.uniform(1, 4) * RATE_HZ)] * chance.uniform(0.3, 0.9)
        write_sound(temporary.with_suffix(".wav"), samples.astype(np.float32), rate_hz=RATE_HZ)
        temporary.with_suffix(".wav").replace(path)


class _Locked:
    """An iterator for several threads."""

    def __init__(self) -> None:
        self._source, self._lock = questions(), threading.Lock()

    def __next__(self) -> str:
        with self._lock:
            return next(self._source)


_TEXTS = _Locked()


def soak(data: Path, *, seconds: float, pauses_s: tuple[float, float] = (15, 45)) -> dict[str, Any]:
    """Start a server, load it, and tell what was seen; ``pauses_s``: the shortest and longest between two kills."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        sounds = Sounds(data, most=_STANDING)
        (folder / _LIBRARY).mkdir()
        for number in range(_STANDING):
            whole = sounds.samples(number, rate_hz=RATE_HZ)
            write_sound(folder / _LIBRARY / f"{number}.wav", whole, rate_hz=RATE_HZ)
        port = free_port()
        command = [sys.executable, "-m", "sonoglot"]
        store = ["--store", str(folder / "store")]
        subprocess.run([*command, "index", str(folder / _LIBRARY), "--library", _LIBRARY, *store], check=True)
        with running([*command, "serve", "--port", str(port), *store], port) as process:
            url = f"http://127.0.0.1:{port}"
            with Client(url) as client:
                client.create_library(_UPLOADED)
            load = Soak(url, process, folder, sounds, pauses_s=pauses_s)
            load.run(seconds)
        shutil.rmtree(folder / "store")
    seen = load.seen
    third = len(seen.memory_mb) // 3
    early, late = max(seen.memory_mb[:third]), max(seen.memory_mb[-third:])
    return {
        "minutes": round(seconds / 60, 1),
        "done": dict(seen.done),
        "killed": dict(seen.killed),
        "refused": dict(seen.refused),
        "jobs": len(seen.jobs),
        "wrong": seen.wrong,
        "memory_mb": {"first third": early, "last third": late},
    }


def main() -> None:
    """Soak, print; exit 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    started = time.monotonic()
    result = soak(options.data, seconds=options.minutes * 60)
    print(json.dumps(result | {"wrong": result["wrong"][:20]}, indent=2))
    print(f"{len(result['wrong'])} things wrong, in {time.monotonic() - started:.0f} s")
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    sys.exit(1 if result["wrong"] else 0)


if __name__ == "__main__":
    main()
