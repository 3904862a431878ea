"""Embeds together what arrives together, and nothing twice in a row.

While one batch is being embedded the next one gathers, so batches grow with the load and a lone request waits for
nobody; there is no timer to tune. A batch is half of what 64 clients ask at once: so texts are embedded while the batch
before is answered, where in one batch of all the encoder and the event loop would wait for each other in turn (up to
a quarter fewer answers, docs/benchmarks.md). The queue is bounded: beyond it a request is refused at once, with
when to come back, rather than answered long after its asker has gone.
"""

import time
from asyncio import Future, Task, get_running_loop
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context

import numpy as np
from numpy.typing import NDArray

from service.errors import OverloadedError

Vector = NDArray[np.float32]

_LONGEST_WAIT_S = 10.0


class TextBatcher:
    """Text to unit vector, for many callers of one event loop. ``embed`` has one call under way at a time."""

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Awaitable[NDArray[np.float32]]],
        *,
        most_together: int = 32,
        most_waiting: int = 256,
        most_remembered: int = 10_000,
        on_batch: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._embed = embed
        self._most_together = most_together
        self._most_waiting = most_waiting
        self._on_batch = on_batch
        self._waiting: deque[tuple[str, Future[Vector]]] = deque()
        self._remembered: OrderedDict[str, Vector] = OrderedDict()
        self._most_remembered = most_remembered
        self._is_closed = False
        self._batch_s = 0.05
        """How long the last batch took: what a refused caller is told to wait."""
        self._running: Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Texts that no batch has taken yet."""
        return len(self._waiting)

    async def embed(self, text: str) -> Vector:
        """The vector of a text; at once if it was asked for lately. Raises OverloadedError."""
        return await self.submit(text)

    def submit(self, text: str) -> Future[Vector]:
        """As ``embed``, without waiting: a text that finds nothing under way is sent when the event loop next turns."""
        loop = get_running_loop()
        coming: Future[Vector] = loop.create_future()
        held = self._remembered.get(text)
        if held is not None:
            self._remembered.move_to_end(text)
            coming.set_result(held)
            return coming
        if self._is_closed:
            raise OverloadedError("The server is shutting down.", retry_after_s=5)
        if len(self._waiting) >= self._most_waiting:
            # No longer than anybody would wait: a batch takes long where what embeds had to be started again.
            wait_s = min(_LONGEST_WAIT_S, self._batch_s * self._most_waiting / self._most_together)
            raise OverloadedError(
                "More questions wait already than can be answered soon.", retry_after_s=wait_s
            )
        self._waiting.append((text, coming))
        if self._running is None:
            self._running = loop.create_task(self._run(), context=Context())  # it is of no one request
        return coming

    async def close(self) -> None:
        """Finish what was accepted, and take nothing more."""
        self._is_closed = True
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most_together))]
            # A caller who went away has cancelled its future.
            await self._answer([(text, coming) for text, coming in batch if not coming.done()])
        self._running = None

    async def _answer(self, asked: list[tuple[str, Future[Vector]]]) -> None:
        texts = list(dict.fromkeys(text for text, _ in asked))
        if not texts:
            return
        started = time.monotonic()
        try:
            vectors = dict(zip(texts, await self._embed(texts), strict=True))
            self._batch_s = time.monotonic() - started
            self._on_batch(len(texts), self._batch_s)
        except Exception as error:  # Whatever it is, it belongs to those who asked.
            for _, coming in asked:
                if not coming.done():
                    coming.set_exception(error)
            return
        self._remembered.update(vectors)
        while len(self._remembered) > self._most_remembered:
            self._remembered.popitem(last=False)
        for text, coming in asked:
            if not coming.done():
                coming.set_result(vectors[text])
