"""The service over HTTP, against a bare loop and a naive server, in one run; README.md says what is compared.

    python -m benchmarks.service [--segments 100000] [--model DIR] [--json FILE]

No server is asked anything twice, so nothing comes from a cache. The clients share the machine with the server. A lone
client asks what the bare loop embeds, a few texts each in turn, and what counts is how much longer the same text took:
a machine that others use changes its speed by a quarter within seconds, which is more than what is looked for.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import MIB, memory_of_tree
from benchmarks.search import bare_loop, fill
from indexer.snapshot import Snapshot
from indexer.store import open_store, open_store_for_writing
from model.directory import load_model
from model.retrieval_model import RetrievalModel
from model.space import EmbeddingSpace
from training.query_files import read_queries

CROWDS = (8, 64)
BATCH = 64
_IN_TURN = 5
"""Texts that a lone client asks before another way has its turn."""
_QUERIES = Path(__file__).parents[1] / "training" / "queries"
_START_TIMEOUT_S = 180
_OFFLINE_BATCHES = 3
_SERVERS = {
    "naive": ["-m", "benchmarks.naive_server"],
    "ours": ["-m", "sonoglot", "serve", "--no-worker"],
}
_CONTENT_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One way of asking with so many clients: latencies in milliseconds, answers a second."""

    way: str
    clients: int
    p50_ms: float
    p99_ms: float
    a_second: float
    failed: int


def questions() -> Iterator[str]:
    """Texts in 25 languages without end, no two the same."""
    asked = read_queries(_QUERIES / "esc50_names.jsonl")
    names = list(
        dict.fromkeys(query.text for query in asked if query.text)
    )  # some words are of several languages
    random = np.random.default_rng(0)
    random.shuffle(names)
    for number, name in zip(count(), cycle(names), strict=False):
        yield name if number < len(names) else f"{name} {number}"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One go of asking: latencies in seconds, and in how many seconds all of it was done."""

    latencies: list[float]
    elapsed_s: float
    failed: int


def bare(model: RetrievalModel, snapshot: Snapshot, texts: Sequence[str]) -> Asked:
    """The same embedding and FAISS call, and nothing else."""
    ask = bare_loop(snapshot, None)
    latencies = []
    started = time.perf_counter()
    for text in texts:
        before = time.perf_counter()
        ask(model.embed_texts([text])[0])
        latencies.append(time.perf_counter() - before)
    return Asked(latencies=latencies, elapsed_s=time.perf_counter() - started, failed=0)


def offline_s(model: RetrievalModel, texts: Sequence[str]) -> float:
    """Seconds to embed texts in batches, with nothing else to do."""
    started = time.perf_counter()
    for start in range(0, len(texts), BATCH):
        model.embed_texts(texts[start : start + BATCH])
    return time.perf_counter() - started


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """A server as a process of its own, once it answers; gives its process id."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + _START_TIMEOUT_S
            while not _is_ready(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{' '.join(command)} does not answer")
                time.sleep(0.2)
            yield process.pid
        finally:
            process.terminate()


def _is_ready(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def load(port: int, clients: int, texts: Sequence[str], *, cores: set[int] | None = None) -> Asked:
    """Ask all texts from so many clients, each with one connection, from a process of its own, which may be kept to
    some cores."""
    keep = None if cores is None else os.sched_setaffinity
    with multiprocessing.get_context("spawn").Pool(1, keep, (0, cores)) as pool:
        return pool.apply(_clients, (port, clients, list(texts)))


class _Client:
    """One connection that asks its texts one after the other; it does little, for it runs beside the server."""

    def __init__(self, port: int, texts: Sequence[str]) -> None:
        self._left = [_request(text) for text in reversed(texts)]
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers: list[bytes] = []
        self.latencies: list[float] = []
        self._received, self._expected, self._asked = b"", 0, 0.0

    def ask(self) -> bool:
        """Send the next question; False if there is none left."""
        if not self._left:
            return False
        self._received, self._expected, self._asked = b"", 0, time.perf_counter()
        self.socket.sendall(self._left.pop())
        return True

    def receive(self) -> bool:
        """Take what has come; whether the answer is whole."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise SystemExit("the server closed a connection")
        self._received += part
        if not self._expected:
            head, end, _ = self._received.partition(b"\r\n\r\n")
            length = _CONTENT_LENGTH.search(head)
            if not end or length is None:
                return False
            self._expected = len(head) + len(end) + int(length[1])
        if len(self._received) < self._expected:
            return False
        self.latencies.append(time.perf_counter() - self._asked)
        self.answers.append(self._received)
        return True


def _request(text: str) -> bytes:
    body = json.dumps({"text": text, "k": 10}).encode()
    head = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _clients(port: int, clients: int, texts: list[str]) -> Asked:
    everyone = [_Client(port, texts[number::clients]) for number in range(clients)]
    with selectors.DefaultSelector() as selector:
        for client in everyone:
            selector.register(client.socket, selectors.EVENT_READ, client)
        started = time.perf_counter()
        waiting = sum(client.ask() for client in everyone)
        while waiting:
            for key, _ in selector.select():
                if key.data.receive():
                    waiting -= not key.data.ask()
        elapsed_s = time.perf_counter() - started
    for client in everyone:
        client.socket.close()
    return Asked(
        latencies=[each for client in everyone for each in client.latencies],
        elapsed_s=elapsed_s,
        failed=sum(_is_wrong(answer) for client in everyone for answer in client.answers),
    )


def _is_wrong(answer: bytes) -> bool:
    head, _, content = answer.partition(b"\r\n\r\n")
    return not head.startswith(b"HTTP/1.1 200 ") or len(json.loads(content)["hits"]) != 10


def _timing(way: str, clients: int, goes: Sequence[Asked]) -> Timing:
    latencies = [each for go in goes for each in go.latencies]
    p50, p99 = np.percentile(latencies, [50, 99]) * 1000
    return Timing(
        way=way,
        clients=clients,
        p50_ms=round(float(p50), 2),
        p99_ms=round(float(p99), 2),
        a_second=round(len(latencies) / sum(go.elapsed_s for go in goes), 1),
        failed=sum(go.failed for go in goes),
    )


def _longer_ms(way: Sequence[Asked], other: Sequence[Asked]) -> float:
    """How much longer one way took than another for the same texts: the median."""
    taken, of_other = (np.concatenate([go.latencies for go in goes]) for goes in (way, other))
    return round(float(np.median(taken - of_other)) * 1000, 2)


def texts_embedded(port: int) -> tuple[float, float]:
    """Texts that the server has embedded so far, and the seconds in which it did."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        told = answer.read().decode()
    texts, seconds = (
        re.search(rf"^sonoglot_text_batch_{name}_sum (\S+)$", told, re.MULTILINE)
        for name in ("size", "seconds")
    )
    if texts is None or seconds is None:
        raise SystemExit("the server does not tell what it embedded")
    return float(texts[1]), float(seconds[1])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def filled_store(space: EmbeddingSpace, *, segments: int) -> Iterator[Path]:
    """A store of so many segments, for as long as it is used."""
    with tempfile.TemporaryDirectory() as directory:
        store_dir = Path(directory) / "store"
        with open_store_for_writing(store_dir, space=space) as store:
            fill(store, count=segments, dim=space.dim)
            store.save_index()
        yield store_dir


def measure(store_dir: Path, model_dir: Path | None, *, each: int, rounds: int) -> dict[str, Any]:
    """Time all ways over one store, in turn: a machine that is slower for a while is so for all of them."""
    source = questions()

    def texts(number: int) -> list[str]:
        return [next(source) for _ in range(number)]

    model = load_model(model_dir)
    model_options = [] if model_dir is None else ["--model", str(model_dir)]
    goes: dict[tuple[str, int], list[Asked]] = defaultdict(list)
    ports = {way: free_port() for way in _SERVERS}
    alone_s = embedded = encoder_s = 0.0
    with ExitStack() as stack:
        processes = {
            way: stack.enter_context(
                running(
                    [
                        sys.executable,
                        *module,
                        "--store",
                        str(store_dir),
                        "--port",
                        str(ports[way]),
                        *model_options,
                    ],
                    ports[way],
                )
            )
            for way, module in _SERVERS.items()
        }
        snapshot = stack.enter_context(open_store(store_dir, space=model.space)).snapshot()
        bare(model, snapshot, texts(10))
        for port in ports.values():
            load(port, 8, texts(40))
        for number in range(rounds):
            for _ in range(0, each, _IN_TURN):
                same = texts(_IN_TURN)
                goes["bare", 1].append(bare(model, snapshot, same))
                for way, port in ports.items():
                    goes[way, 1].append(_clients(port, 1, same))
            alone_s += offline_s(model, texts(_OFFLINE_BATCHES * BATCH))
            for clients in CROWDS:
                for way, port in ports.items():
                    before = texts_embedded(port) if (way, clients) == ("ours", 64) else None
                    count = each if clients < 64 else 4 * each
                    goes[way, clients].append(load(port, clients, texts(count)))
                    if before is not None:
                        after = texts_embedded(port)
                        embedded, encoder_s = (
                            embedded + after[0] - before[0],
                            encoder_s + after[1] - before[1],
                        )
            print(f"round {number + 1} of {rounds}", flush=True)
        memory_mb = {f"{way}_mb": memory_of_tree(process) // MIB for way, process in processes.items()}
    timings = {at: _timing(*at, each_go) for at, each_go in goes.items()}
    offline = rounds * _OFFLINE_BATCHES * BATCH / alone_s
    return memory_mb | {
        "rounds": rounds,
        "timings": [asdict(timing) for timing in timings.values()],
        "offline_texts_a_second": round(offline, 1),
        "overhead_ms": {way: _longer_ms(goes[way, 1], goes["bare", 1]) for way in ports},
        "to_naive_at_64": round(timings["ours", 64].a_second / timings["naive", 64].a_second, 2),
        "to_offline_at_64": round(timings["ours", 64].a_second / offline, 2),
        "encoder_to_offline_at_64": round(embedded / encoder_s / offline, 2),
    }


def print_table(result: dict[str, Any]) -> None:
    """All figures, and what they come to."""
    print(f"{'':>6} {'clients':>7} {'p50 ms':>8} {'p99 ms':>8} {'a second':>9} {'failed':>6}")
    for timing in result["timings"]:
        print(
            f"{timing['way']:>6} {timing['clients']:>7} {timing['p50_ms']:>8.2f} {timing['p99_ms']:>8.2f} "
            f"{timing['a_second']:>9.1f} {timing['failed']:>6}"
        )
    print(f"memory: ours {result['ours_mb']} MB, naive {result['naive_mb']} MB")
    over = result["overhead_ms"]
    print(
        f"over the bare loop at one client: {over['ours']} ms (under 5 is wanted), naive {over['naive']} ms"
    )
    print(f"ours / naive at 64 clients: {result['to_naive_at_64']} (at least 2 is wanted)")
    print(
        f"at 64 clients, against {result['offline_texts_a_second']} texts a second embedded offline in batches of "
        f"{BATCH}: the encoder while it embeds {result['encoder_to_offline_at_64']} (at least .8 is wanted), answers "
        f"{result['to_offline_at_64']}"
    )


def main() -> None:
    """Make a store, time, print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=60, help="questions of each measurement in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--model", type=Path, default=None, help="a model directory; the default model if not given"
    )
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    with filled_store(load_model(options.model).space, segments=options.segments) as store_dir:
        result = measure(store_dir, options.model, each=options.each, rounds=options.rounds)
    print_table(result)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
