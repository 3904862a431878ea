"""Embeds many windows of audio at the speed of the machine, and to the same bits in whatever company.

On a CPU several batches are embedded side by side, each on one thread: for networks of small layers that beats all
threads on one batch. On a GPU one batch at a time, and the next is made ready meanwhile. Every batch is
filled up to one size, for kernels are chosen by shape and round differently: a window's vector then depends on the
window alone, and an index that was interrupted and resumed equals one that was not.
"""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray

from model.retrieval_model import RetrievalModel

CPU_BATCH, GPU_BATCH = 16, 64
"""Windows in a batch."""


class AudioEmbedder:
    """Embeds batches of at most ``batch_windows`` windows in the background. Use as a context manager.

    ``submit`` waits while enough batches are under way that all streams are busy.
    """

    def __init__(self, model: RetrievalModel) -> None:
        self._model = model
        on_cpu = next(model.audio_encoder.parameters()).device.type == "cpu"
        self.batch_windows = CPU_BATCH if on_cpu else GPU_BATCH
        streams = (os.cpu_count() or 1) if on_cpu else 1
        self._free = threading.BoundedSemaphore(streams + 1)
        self._pool = ThreadPoolExecutor(
            streams, "embed", initializer=_one_thread if on_cpu and streams > 1 else None
        )

    def __enter__(self) -> "AudioEmbedder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=error is not None)

    def submit(self, windows: NDArray[np.float32]) -> "Future[NDArray[np.float32]]":
        """Embed windows, (N, window_samples), N at most ``batch_windows``; the future gives (N, D)."""
        if not 1 <= len(windows) <= self.batch_windows:
            raise ValueError(f"1 to {self.batch_windows} windows make a batch, not {len(windows)}")
        self._free.acquire()
        future = self._pool.submit(self._embed, windows)
        future.add_done_callback(lambda _: self._free.release())
        return future

    def _embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        missing = self.batch_windows - len(windows)
        filled = np.pad(windows, ((0, missing), (0, 0))) if missing else windows
        return self._model.embed_audio(filled)[: len(windows)]


def _one_thread() -> None:
    torch.set_num_threads(1)  # OpenMP keeps this number for each thread apart
