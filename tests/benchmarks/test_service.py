"""The benchmark of the service asks no question twice, and its naive server answers in the same form as ours."""

import sys
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.service import bare, free_port, load, questions, running
from indexer.store import open_store
from model.directory import load_model
from tests.service.helpers import index, write_sounds


def test_no_question_is_asked_twice() -> None:
    asked = list(islice(questions(), 3000))
    assert len(set(asked)) == 3000
    assert any(not text.isascii() for text in asked[:50])


@pytest.mark.slow
def test_the_naive_server_is_asked_as_ours_is(tmp_path: Path) -> None:
    write_sounds(tmp_path / "set", [f"{number}.wav" for number in range(12)], first_seed=0)
    model, store_dir = load_model(), tmp_path / "store"
    index(model, store_dir, "set", tmp_path / "set")
    texts = list(islice(questions(), 8))
    with open_store(store_dir, space=model.space) as store:
        assert len(bare(model, store.snapshot(), texts).latencies) == 8
    for module in (["benchmarks.naive_server"], ["sonoglot", "serve", "--no-worker"]):
        port = free_port()
        command = [sys.executable, "-m", *module, "--store", str(store_dir), "--port", str(port)]
        with running(command, port):
            asked = load(port, 2, texts)
        assert (asked.failed, len(asked.latencies)) == (0, 8)
        assert 0 < max(asked.latencies) <= asked.elapsed_s
