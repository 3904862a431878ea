"""Processes that decode: they load nothing heavy, and none outlives the process that started it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, signal
from training.hearing import decoding_pool
if __name__ == "__main__":
    pool = decoding_pool(2)
    print(sum(pool.map(abs, [-1, -2])), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
LOADED = """
import sys
import training.hearing
print([name for name in ("torch", "transformers", "webdataset") if name in sys.modules])
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "program.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{program}")
    # Ends when every process that holds its output has ended, so it would time out on a worker that stays.
    return subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    result = run(KILLED, tmp_path)
    assert (result.returncode, result.stdout) == (-9, "3\n")


def test_a_worker_loads_nothing_heavy(tmp_path: Path) -> None:
    assert run(LOADED, tmp_path).stdout == "[]\n"
