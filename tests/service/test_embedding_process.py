"""A model in a process of its own: the same vectors and errors as in this one, whatever becomes of the process."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import uvloop

from indexer.errors import DecodeError, DecodeReason
from model.errors import ModelDirectoryError, UnreadableImageError
from service.embedder import LocalEmbedder, Picture, Region, Sound, open_here
from service.embedding_process import EmbeddingProcess
from service.errors import NotAvailableError
from tests.service.helpers import children_with, png_bytes, wait_until, wav_bytes, write_sounds

DEADLINE_S = 60
TEXTS = ["ein bellender Hund", "rain"]

OPENS_ONE = """
import sys, time
from pathlib import Path
from service.embedding_process import EmbeddingProcess
held = EmbeddingProcess(Path(sys.argv[1]))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def embedder(exported: Path) -> Iterator[EmbeddingProcess]:
    """Of the exported model, which is loaded sooner."""
    opened = EmbeddingProcess(exported)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def local(exported: Path) -> Iterator[LocalEmbedder]:
    opened = open_here(exported)
    yield opened
    opened.close()


def processes(parent: int) -> list[int]:
    """Process ids of what embeds for a process."""
    return children_with("service.embedding_child", parent=parent)


def only_process() -> int:
    [found] = processes(os.getpid())
    return found


def has_ended(process: int) -> bool:
    """Whether it is gone, or only waits for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_vectors_and_facts_are_those_of_the_model_in_this_process(
    embedder: EmbeddingProcess, local: LocalEmbedder, tmp_path: Path
) -> None:
    assert embedder.space == local.space
    assert embedder.calibration is not None
    assert local.calibration is not None
    assert np.array_equal(embedder.calibration.background, local.calibration.background)
    texts = asyncio.run(embedder.embed_texts(TEXTS))
    assert texts == pytest.approx(asyncio.run(local.embed_texts(TEXTS)), abs=1e-5)
    write_sounds(tmp_path, ["rain.wav"], first_seed=2)
    for file in (Picture(png_bytes()), Sound(wav_bytes()), Region(tmp_path / "rain.wav", (1.0, 2.5))):
        assert embedder.embed_file(file) == pytest.approx(local.embed_file(file), abs=1e-5), type(file)


def test_many_texts_together_come_whole_in_the_servers_event_loop(
    embedder: EmbeddingProcess, local: LocalEmbedder
) -> None:
    texts = [f"thunder {number}" for number in range(64)]  # whose vectors come in several parts
    before = only_process()
    vectors = uvloop.run(embedder.embed_texts(texts))
    assert vectors == pytest.approx(asyncio.run(local.embed_texts(texts)), abs=1e-5)
    assert only_process() == before


def test_errors_come_as_they_are_and_the_next_is_answered(embedder: EmbeddingProcess) -> None:
    with pytest.raises(UnreadableImageError):
        embedder.embed_file(Picture(b"no picture"))
    with pytest.raises(DecodeError) as refused:
        embedder.embed_file(Sound(b""))
    assert refused.value.reason is DecodeReason.EMPTY_FILE
    with pytest.raises(RuntimeError) as unexpected:
        asyncio.run(embedder.embed_texts([None]))  # pyright: ignore[reportArgumentType]
    assert "Traceback" in unexpected.value.__notes__[0], "for the log"
    assert asyncio.run(embedder.embed_texts(TEXTS)).shape == (2, embedder.space.dim)
    assert embedder.embed_file(Picture(png_bytes())).shape == (embedder.space.dim,)


def test_what_ends_all_of_a_group_leaves_it_to_the_server(embedder: EmbeddingProcess) -> None:
    before = only_process()
    for ending in (signal.SIGINT, signal.SIGTERM):
        os.kill(before, ending)
    asyncio.run(embedder.embed_texts(TEXTS))
    assert only_process() == before


def test_a_process_that_died_is_started_again_for_texts_and_for_files(
    embedder: EmbeddingProcess, local: LocalEmbedder
) -> None:
    os.kill(died := only_process(), signal.SIGKILL)
    assert asyncio.run(embedder.embed_texts(TEXTS)) == pytest.approx(
        asyncio.run(local.embed_texts(TEXTS)), abs=1e-5
    )
    second = only_process()
    assert second != died
    os.kill(second, signal.SIGKILL)
    assert embedder.embed_file(Picture(png_bytes())).shape == (embedder.space.dim,)
    assert only_process() != second


def test_a_process_that_dies_over_questions_costs_them_a_while_not_their_answers(
    embedder: EmbeddingProcess,
) -> None:
    async def ask_while_it_dies() -> list[np.ndarray]:
        os.kill(first := only_process(), signal.SIGSTOP)  # so that it dies before it can answer
        texts = asyncio.create_task(embedder.embed_texts(TEXTS))
        picture = asyncio.create_task(asyncio.to_thread(embedder.embed_file, Picture(png_bytes())))
        await asyncio.sleep(0.1)
        assert not texts.done()
        assert not picture.done()
        os.kill(first, signal.SIGKILL)
        return [await texts, await picture]

    texts, picture = uvloop.run(asyncio.wait_for(ask_while_it_dies(), DEADLINE_S))
    assert texts.shape == (2, embedder.space.dim)
    assert picture.shape == (embedder.space.dim,)
    assert len(processes(os.getpid())) == 1


def test_one_that_died_unnoticed_is_started_again_when_somebody_asks_how_it_is(
    embedder: EmbeddingProcess,
) -> None:
    embedder.check()
    died = only_process()
    embedder.check()
    assert only_process() == died, "nothing was wrong with it"
    os.kill(died, signal.SIGKILL)

    def is_another() -> bool:
        embedder.check()
        return processes(os.getpid()) not in (
            [],
            [died],
        )  # it takes a moment until all its threads have ended

    wait_until(is_another)


@pytest.mark.parametrize("program", ["ends at once", "is not there"])
def test_where_none_can_be_started_it_is_told_and_not_tried_with_every_question(
    embedder: EmbeddingProcess, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder.check()
    os.kill(only_process(), signal.SIGKILL)
    if program == "ends at once":
        (tmp_path / "python").write_text(f"#!/bin/sh\necho started >> {tmp_path}/log\nexit 1\n")
        (tmp_path / "python").chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(tmp_path / "python"))
        with pytest.raises(NotAvailableError, match="process that embeds"):
            uvloop.run(embedder.embed_texts(TEXTS))
        with pytest.raises(NotAvailableError, match="process that embeds"):
            embedder.embed_file(Picture(png_bytes()))
        with pytest.raises(NotAvailableError, match="process that embeds"):
            embedder.check()
    if program == "ends at once":
        assert (tmp_path / "log").read_text() == "started\n"
    wait_until(lambda: is_well(embedder))
    assert asyncio.run(embedder.embed_texts(TEXTS)).shape == (2, embedder.space.dim)


def is_well(embedder: EmbeddingProcess) -> bool:
    try:
        embedder.check()
    except NotAvailableError:
        return False
    return True


def test_another_model_does_not_take_the_place_of_one_that_died(exported: Path, tmp_path: Path) -> None:
    replaced = Path(shutil.copytree(exported, tmp_path / "model"))
    before = set(processes(os.getpid()))
    opened = EmbeddingProcess(replaced)
    facts = json.loads((replaced / "onnx.json").read_text())
    facts["space"]["fingerprint"] = "0" * 64
    (replaced / "onnx.json").write_text(json.dumps(facts))
    [its_own] = set(processes(os.getpid())) - before
    os.kill(its_own, signal.SIGKILL)
    with pytest.raises(NotAvailableError, match=r"has changed, from .* to .* start the server again"):
        opened.embed_file(Picture(png_bytes()))
    assert set(processes(os.getpid())) == before
    opened.close()


def test_a_model_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    (tmp_path / "onnx.json").write_text("{}")
    with pytest.raises(ModelDirectoryError, match=str(tmp_path)):
        EmbeddingProcess(tmp_path)


def test_it_ends_when_it_is_closed_and_is_not_started_again(exported: Path) -> None:
    before = set(processes(os.getpid()))
    closed = EmbeddingProcess(exported)
    assert len(set(processes(os.getpid())) - before) == 1
    closed.close()
    assert set(processes(os.getpid())) == before
    with pytest.raises(NotAvailableError, match="shutting down"):
        closed.embed_file(Picture(png_bytes()))


def test_it_ends_with_a_server_that_was_killed_and_takes_no_package_from_where_that_ran(
    exported: Path,
    tmp_path: Path,
) -> None:
    for package in ("service", "model"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('another package of that name')")
    with subprocess.Popen(
        [sys.executable, "-P", "-c", OPENS_ONE, str(exported)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        [embedding] = processes(server.pid)
        server.kill()
    wait_until(lambda: has_ended(embedding))
