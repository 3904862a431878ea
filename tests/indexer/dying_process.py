"""A process for the kill tests: writes to a store and kills itself with SIGKILL at one exact step of doing
so.

Steps: ``put``, ``write_index``, ``fsync`` and ``replace``, before or after the call of that number, as in ``fsync
before 1``.
Publishing writes a search structure (``fsync`` and ``replace`` 1), then the manifest (2).
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from indexer import publishing
from indexer.catalog import Catalog, clip_id_of
from indexer.coarse import IndexKind
from indexer.records import Clip, ClipContent, ClipStatus
from indexer.store import open_store_for_writing


def dying(function: Callable[..., Any], *, when: str, number: int) -> Callable[..., Any]:
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if calls == number and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def main(directory: Path, step: str, when: str, number: int) -> None:
    if step == "put":
        Catalog.put = dying(Catalog.put, when=when, number=number)
    elif step == "write_index":
        publishing.write_index = dying(publishing.write_index, when=when, number=number)
    else:
        setattr(os, step, dying(getattr(os, step), when=when, number=number))
    with open_store_for_writing(directory) as store:
        for name in ("b", "c"):
            path = Path("/sounds") / name
            clip = Clip(
                clip_id=clip_id_of("sounds", path),
                library="sounds",
                path=path,
                size_bytes=1,
                mtime_ns=1,
                sha256="",
                duration_s=5.0,
                source_rate_hz=16000,
                status=ClipStatus.INDEXED,
            )
            vector = np.eye(4, dtype=np.float32)["abc".index(name)][None]
            content = ClipContent(audio_sha256=name, spans_s=np.array([[0.0, 5.0]]), vectors=vector)
            store.catalog.put([(clip, content)])
        store.ask_index(IndexKind.IVF)
        store.save_index()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
