"""Embeds many windows of audio at the speed of the machine, and to the same bits in whatever company.

As many batches are embedded side by side as the model wants (``RetrievalModel.streams``). Every batch is
filled up to one size, for kernels are chosen by shape and round differently: a window's vector then depends on the
window alone, and an index that was interrupted and resumed equals one that was not.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from model.retrieval_model import RetrievalModel


class AudioEmbedder:
    """Embeds batches of at most ``batch_windows`` windows in the background. Use as a context manager.

    ``submit`` waits while enough batches are under way that all streams are busy.
    """

    def __init__(self, model: RetrievalModel) -> None:
        self._model = model
        self.batch_windows = model.stream_windows
        self._free = threading.BoundedSemaphore(model.streams + 1)
        self._pool = ThreadPoolExecutor(model.streams, "embed")

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
        return self._model.embed_in_stream(filled)[: len(windows)]
