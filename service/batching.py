"""Embeds together what arrives together, and nothing twice in a row.

While one batch is being embedded the next one gathers, so batches grow with the load and a lone request waits for
nobody; there is no timer to tune. A batch is half of what 64 clients ask at once: so texts are embedded while the batch
before is answered, where in one batch of all the encoder and the event loop would wait for each other in turn (up to
a quarter fewer answers, docs/benchmarks.md). The queue is bounded: beyond it a request is refused at once, with
when to come back, rather than answered long after its asker has gone.
"""

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from service.errors import OverloadedError

Vector = NDArray[np.float32]


class TextBatcher:
    """Text to unit vector, for many callers at once. ``embed`` is called from one thread of the batcher's own."""

    def __init__(
        self,
        embed: Callable[[Sequence[str]], NDArray[np.float32]],
        *,
        most_together: int = 32,
        most_waiting: int = 256,
        most_remembered: int = 10_000,
        on_batch: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._embed = embed
        self._most_together = most_together
        self._on_batch = on_batch
        self._waiting: queue.Queue[tuple[str, Future[Vector]] | None] = queue.Queue(most_waiting)
        self._remembered: OrderedDict[str, Vector] = OrderedDict()
        self._most_remembered = most_remembered
        self._lock = threading.Lock()
        self._is_closed = False
        self._batch_s = 0.05
        """How long the last batch took: what a refused caller is told to wait."""
        self._thread = threading.Thread(target=self._run, name="embed-texts", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Texts that no batch has taken yet."""
        return self._waiting.qsize()

    def submit(self, text: str) -> Future[Vector]:
        """The vector of a text, to come; at once if it was asked for lately. Raises OverloadedError."""
        future: Future[Vector] = Future()
        with self._lock:
            held = self._remembered.get(text)
            if held is not None:
                self._remembered.move_to_end(text)
                future.set_result(held)
                return future
            if self._is_closed:
                raise OverloadedError("The server is shutting down.", retry_after_s=5)
            try:
                self._waiting.put_nowait((text, future))
            except queue.Full:
                wait_s = self._batch_s * self._waiting.maxsize / self._most_together
                raise OverloadedError(
                    "More questions wait already than can be answered soon.", retry_after_s=wait_s
                ) from None
        return future

    def close(self) -> None:
        """Finish what was accepted, and take nothing more."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._waiting.put(None)  # the end
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch = [self._waiting.get()]
            while len(batch) < self._most_together:
                try:
                    batch.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            asked = [item for item in batch if item is not None]
            is_open = len(asked) == len(batch)
            self._answer(asked)

    def _answer(self, batch: list[tuple[str, Future[Vector]]]) -> None:
        # A caller who went away has cancelled its future.
        asked = [(text, future) for text, future in batch if future.set_running_or_notify_cancel()]
        if not asked:
            return
        texts = list(dict.fromkeys(text for text, _ in asked))
        started = time.monotonic()
        try:
            vectors = dict(zip(texts, self._embed(texts), strict=True))
        except Exception as error:  # Whatever it is, it belongs to those who asked, not to this thread.
            for _, future in asked:
                future.set_exception(error)
            return
        self._batch_s = time.monotonic() - started
        self._on_batch(len(texts), self._batch_s)
        with self._lock:
            self._remembered.update(vectors)
            while len(self._remembered) > self._most_remembered:
                self._remembered.popitem(last=False)
        for text, future in asked:
            future.set_result(vectors[text])
