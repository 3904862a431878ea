"""``sonoglot serve`` as a process: what it and its worker log, and that they end when they are told to."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from service.database import open_database
from service.jobs import Jobs


def test_json_logs_are_json_from_the_first_line_to_the_last(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sonoglot", "serve", "--port", "0", "--log-json"]
    command += ["--store", str(tmp_path / "store"), "--model", str(tmp_path / "no-model")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        lines: list[dict[str, object]] = []
        try:
            address = None
            while address is None:
                lines.append(json.loads(server.stderr.readline()))
                address = re.search(r"http://127\.0\.0\.1:\d+", str(lines[-1]["message"]))
            answer = httpx.get(f"{address[0]}/healthz", headers={"X-Request-Id": "mine"}, trust_env=False)
            assert answer.status_code == 200
        finally:
            server.send_signal(signal.SIGINT)
        lines += [json.loads(line) for line in server.stderr]
    [access] = [line for line in lines if line.get("request_id") == "mine"]
    assert (access["route"], access["status"]) == ("/healthz", 200)
    assert {line["level"] for line in lines} <= {"info", "error"}
    assert any("no-model" in str(line["message"]) for line in lines)


def test_the_worker_beside_it_logs_as_it_does(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store", None)
    job = Jobs(database).submit(library="x", source={"folder": str(tmp_path / "gone")})
    database.close()
    command = [sys.executable, "-m", "sonoglot", "serve", "--port", "0", "--log-json"]
    command += ["--store", str(tmp_path / "store"), "--model", str(tmp_path / "no-model")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        told: list[str] = []
        try:
            while not any("gone" in message for message in told):
                line = json.loads(server.stderr.readline())
                if line["logger"] == "service.worker":
                    told.append(line["message"])
        finally:
            server.send_signal(signal.SIGINT)
        assert all(json.loads(line)["message"] for line in server.stderr)
    assert told[0] == f"job {job.job_id}, attempt 1: library 'x'"
    assert told[-1].startswith(f"job {job.job_id} is failed: There is no folder")
