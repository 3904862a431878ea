"""Sounds, pictures, stores and clients of the real app, for the tests of the service."""

import io
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from fastapi import FastAPI
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image

from indexer.build import index_paths
from indexer.store import open_store_for_writing
from model.retrieval_model import RetrievalModel
from service.app import create_app
from service.embedder import open_here

RATE_HZ = 16000
LOAD_TIMEOUT_S = 120


def sound(*, seconds: float, seed: int) -> NDArray[np.float32]:
    """A burst of filtered noise that differs by seed, shape (samples,)."""
    noise = np.random.default_rng(seed).normal(size=round(seconds * RATE_HZ))
    smooth = np.convolve(noise, np.ones(1 + 4 * seed) / (1 + 4 * seed), mode="same")
    gate = np.sin(np.linspace(0, np.pi * (seed + 1), len(smooth))) ** 2
    return (0.5 * gate * smooth / np.abs(smooth).max()).astype(np.float32)


def wav_bytes(*, seconds: float = 1.5, seed: int = 3) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, sound(seconds=seconds, seed=seed), RATE_HZ, format="WAV")
    return buffer.getvalue()


def png_bytes(*, size: tuple[int, int] = (64, 48), colour: str = "orange") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="PNG")
    return buffer.getvalue()


def write_sounds(folder: Path, names: list[str], *, first_seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names, start=first_seed):
        soundfile.write(folder / name, sound(seconds=3.0 + seed, seed=seed), RATE_HZ)


def index(model: RetrievalModel, store_dir: Path, library: str, folder: Path) -> None:
    with open_store_for_writing(store_dir, space=model.space) as store:
        index_paths(store, model, library=library, paths=[folder])


def serving(store_dir: Path, *, model_dir: Path | None = None) -> TestClient:
    """A client of a started app; use it as a context manager, after which ``wait_until_loaded``."""
    return client_of(create_app(store_dir=store_dir, open_embedder=partial(open_here, model_dir)))


def client_of(app: FastAPI) -> TestClient:
    """A client on this machine, which sees what any client would see of an error."""
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


def wait_until(is_so: Callable[[], bool], *, timeout_s: float = 60) -> None:
    """Look again and again until something is so."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children_with(argument: str, *, parent: int) -> list[int]:
    """Process ids of what any thread of a process has started with that argument, and what has not ended."""
    found = []
    for listed in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):  # of threads and processes that end meanwhile
            children = map(int, listed.read_text().split())
            found += [each for each in children if argument in _arguments(each)]
    return found


def _arguments(process: int) -> list[str]:
    """Of a command line; none of what has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")
    except OSError:
        return []


def wait_until_loaded(client: TestClient) -> None:
    client.app.state.runtime.wait(timeout_s=LOAD_TIMEOUT_S)  # pyright: ignore[reportFunctionMemberAccess]
