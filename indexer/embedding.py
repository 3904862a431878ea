"""From windows to vectors: full batches across clips, and nothing embedded twice.

Silent windows share one vector, and a short clip whose decoded samples were met before takes over what they gave.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.reading import ClipRead, Windows

if TYPE_CHECKING:
    from model.audio_embedder import AudioEmbedder

_CLIPS_A_BATCH = 256
"""A batch is sent off before it is full when so many clips ended since it was begun: copies and files that fail
need no windows, and however many they are, they shall not wait for one."""


@dataclass
class EmbeddedClip:
    """A clip that was read, with its windows' first and last samples and their vectors, (N, D).

    Without vectors (None), its audio is known to the catalogue (``content_id``), or it was not decoded at all.
    """

    read: ClipRead
    spans: list[tuple[int, int]]
    vectors: NDArray[np.float32] | None
    content_id: int | None = None
    is_twin: bool = False
    """Its vectors were made for an earlier clip with the same audio."""


@dataclass
class _Batch:
    samples: list[NDArray[np.float32]] = field(default_factory=list)
    result: Future[NDArray[np.float32]] | None = None


@dataclass(frozen=True)
class _Vector:
    """The vector that a batch will give at a place."""

    batch: _Batch
    place: int

    def is_done(self) -> bool:
        return self.batch.result is not None and self.batch.result.done()

    def value(self) -> NDArray[np.float32]:
        assert self.batch.result is not None, "its batch was sent off"
        return self.batch.result.result()[self.place]


@dataclass
class _Waiting:
    read: ClipRead
    spans: list[tuple[int, int]]
    vectors: list[_Vector] | None
    content_id: int | None = None
    is_twin: bool = False

    def is_done(self) -> bool:
        return self.vectors is None or all(vector.is_done() for vector in self.vectors)


class WindowEmbedder:
    """Embeds what ``read_ahead`` gives; ``waited_s`` is the time without any window to embed."""

    def __init__(self, embedder: "AudioEmbedder", *, content_id: Callable[[str], int | None]) -> None:
        self.waited_s = 0.0
        self._embedder = embedder
        self._content_id = content_id
        self._batch = _Batch()
        self._clips_since = 0
        self._waiting: deque[_Waiting] = deque()
        self._under_way: dict[str, _Waiting] = {}
        self._silence: _Vector | None = None

    def embed(self, items: Iterable[Windows | ClipRead]) -> Iterator[EmbeddedClip]:
        """Yield each clip, in order, once all of its vectors are there."""
        spans: list[tuple[int, int]] = []
        vectors: list[_Vector] = []
        for item in self._timed(items):
            if isinstance(item, Windows):
                spans += item.spans
                vectors += [self._vector(samples) for samples in item.samples]
                continue
            self._end(item, spans, vectors)
            spans, vectors = [], []
            self._clips_since += 1
            if self._clips_since >= _CLIPS_A_BATCH:
                self._submit()
            # Not more is held than what is being embedded, so that what is done is soon written.
            while self._waiting and (self._waiting[0].is_done() or len(self._waiting) > 2 * _CLIPS_A_BATCH):
                yield self._next()
        self._submit()
        while self._waiting:
            yield self._next()

    def _timed(self, items: Iterable[Windows | ClipRead]) -> Iterator[Windows | ClipRead]:
        iterator = iter(items)
        while True:
            started = time.monotonic()
            item = next(iterator, None)
            self.waited_s += time.monotonic() - started
            if item is None:
                return
            yield item

    def _end(self, read: ClipRead, spans: list[tuple[int, int]], vectors: list[_Vector]) -> None:
        if read.error is not None or read.is_known:
            self._waiting.append(_Waiting(read, [], None))
            return
        twin = self._under_way.get(read.audio_sha256)
        if twin is not None:
            self._waiting.append(_Waiting(read, twin.spans, twin.vectors, is_twin=True))
            return
        known = self._content_id(read.audio_sha256)
        if known is not None:
            self._waiting.append(_Waiting(read, [], None, known))
            return
        more = [self._vector(samples) for samples in read.windows.samples]
        clip = _Waiting(read, spans + read.windows.spans, vectors + more)
        self._waiting.append(clip)
        self._under_way[read.audio_sha256] = clip

    def forget(self, audio_sha256: str) -> None:
        """The catalogue knows this audio from now on."""
        self._under_way.pop(audio_sha256, None)

    def _next(self) -> EmbeddedClip:
        clip = self._waiting.popleft()
        vectors = None if clip.vectors is None else np.stack([vector.value() for vector in clip.vectors])
        return EmbeddedClip(clip.read, clip.spans, vectors, clip.content_id, clip.is_twin)

    def _vector(self, samples: NDArray[np.float32]) -> _Vector:
        if not samples.any():
            if self._silence is None:
                self._silence = self._embed_one(samples)
            return self._silence
        return self._embed_one(samples)

    def _embed_one(self, samples: NDArray[np.float32]) -> _Vector:
        batch, place = self._batch, len(self._batch.samples)
        batch.samples.append(samples)
        if len(batch.samples) == self._embedder.batch_windows:
            self._submit()
        return _Vector(batch, place)

    def _submit(self) -> None:
        self._clips_since = 0
        if self._batch.samples:
            self._batch.result = self._embedder.submit(np.stack(self._batch.samples))
            self._batch.samples.clear()
            self._batch = _Batch()
