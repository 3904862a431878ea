"""``sonoglot serve`` as a process, with the worker that it keeps."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from service.database import open_database
from service.job_records import JobState
from service.jobs import Jobs
from tests.service.helpers import children_with, wait_until
from tests.service.jobs_helpers import DEADLINE_S, ROOT, write_tones


class Serving:
    """The command over a store, and a client of it."""

    def __init__(self, store: Path, model_dir: Path) -> None:
        command = [sys.executable, "-m", "sonoglot", "serve", "--port", "0"]
        command += ["--store", str(store), "--model", str(model_dir)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stderr is not None
        self.client = httpx.Client(base_url=address(self.process.stderr), timeout=DEADLINE_S)

    def submit(self, folder: Path) -> str:
        body = {"library": "field", "source": {"folder": str(folder)}}
        return self.client.post("/v1/jobs", json=body).raise_for_status().json()["job_id"]

    def events(self, job_id: str) -> Iterator[dict[str, Any]]:
        """A job each time that it changes."""
        with self.client.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def worker(self) -> int:
        """The process id of its worker."""
        return self._child("worker")

    def embedding(self) -> int:
        """The process id of what embeds for it."""
        return self._child("service.embedding_child")

    def _child(self, argument: str) -> int:
        wait_until(lambda: bool(children_with(argument, parent=self.process.pid)), timeout_s=DEADLINE_S)
        return children_with(argument, parent=self.process.pid)[0]


def address(stderr: IO[str]) -> str:
    for line in stderr:
        told = re.search(r"running on (http://\S+)", line)
        if told:
            return told[1]
    raise AssertionError("the server did not start")


@pytest.fixture
def serving(tmp_path: Path, exported: Path) -> Iterator[Serving]:
    started = Serving(tmp_path / "store", exported)
    yield started
    started.process.kill()
    started.process.wait()


def test_it_keeps_a_worker_and_takes_it_and_what_embeds_along_when_it_is_stopped(
    serving: Serving, tmp_path: Path
) -> None:
    os.kill(serving.worker(), signal.SIGKILL)
    write_tones(tmp_path / "few", 2)
    *_, done = serving.events(serving.submit(tmp_path / "few"))
    assert (done["state"], done["progress"]["indexed"]) == ("done", 2)

    write_tones(tmp_path / "many", 300)
    job_id = serving.submit(tmp_path / "many")
    for job in serving.events(job_id):
        if job.get("progress", {}).get("done"):
            children = serving.worker(), serving.embedding()
            serving.process.send_signal(signal.SIGTERM)  # It ends this stream, too.
            break
    assert serving.process.wait(DEADLINE_S) == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    database = open_database(tmp_path / "store", None)
    assert Jobs(database).get(job_id).state is JobState.QUEUED
    database.close()
