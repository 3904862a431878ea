"""``sonoglot serve`` as a process: what it logs, and that it ends when it is told to."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx


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
