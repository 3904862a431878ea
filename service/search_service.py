"""Joins model and store: a question becomes a vector, the vector ranked clips.

Knows nothing of HTTP. All but texts blocks and is called from worker threads; the endpoints keep inference to one call
at a time.
"""

import logging
import threading
from asyncio import Future
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import IndexerError, StoreBusyError, StoreNotFoundError, UnreadableFileError
from indexer.records import Clip, LibrarySummary, SearchFilter
from indexer.search import By, Ranking, rank
from indexer.snapshot import Snapshot
from indexer.store import Store, open_store, open_store_for_writing
from model.limits import check_query_text
from model.space import EmbeddingSpace
from service.batching import TextBatcher
from service.clip_files import file_gone
from service.cursor import Question
from service.embedder import Embedder, Picture, Region, Sound
from service.errors import InvalidRequestError
from service.limits import MOMENTS

logger = logging.getLogger(__name__)

Vector = NDArray[np.float32]

_FEW_RESULTS = 50


class SearchService:
    """Answers questions with one model and the store at one directory.

    A store that is made later is opened when it is first needed, so a server may be started before anything was
    indexed; until then every call raises StoreNotFoundError. What is indexed later is found without a restart.
    ``on_batch`` hears how many texts were embedded together, and in how many seconds.
    """

    def __init__(
        self,
        *,
        embedder: Embedder,
        store_dir: Path,
        on_batch: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._embedder = embedder
        self._store_dir = store_dir
        self._open: Store | None = None
        self._opening = threading.Lock()
        self._texts = TextBatcher(embedder.embed_texts, on_batch=on_batch)
        self._resources = ExitStack()

    @property
    def space(self) -> EmbeddingSpace:
        """The model's embedding space."""
        return self._embedder.space

    @property
    def store_dir(self) -> Path:
        """Where the store is, or will be."""
        return self._store_dir

    @property
    def texts_waiting(self) -> int:
        """Texts that no batch has taken yet."""
        return self._texts.waiting

    def store(self) -> Store:
        """Return the open store. Raises StoreNotFoundError, SpaceMismatchError or StoreError.

        Where it is opened here, its index stays as it is: all other requests wait meanwhile.
        """
        return self._opened(may_publish=False)

    def prepare(self) -> None:
        """Open the store and bring its index up to date, on disk and in memory, which may take minutes: before there
        are requests. Errors as of ``store``."""
        store = self._opened(may_publish=True)
        store.found_clips.fill(store.snapshot())

    def check(self) -> None:
        """Have everything ready that a search needs. Raises NotAvailableError, or errors as of ``store``."""
        self._embedder.check()
        self.store()

    def publish_index(self) -> None:
        """Bring the index on disk up to date, which may take minutes, unless another process writes: that will do it.
        Raises StoreError."""
        with suppress(StoreBusyError), open_store_for_writing(self._store_dir) as store:
            store.save_index()

    def _opened(self, *, may_publish: bool) -> Store:
        with self._opening:
            if self._open is None:
                self._open = self._resources.enter_context(
                    open_store(self._store_dir, space=self._embedder.space, may_publish=may_publish)
                )
            return self._open

    async def close(self) -> None:
        """Answer what was accepted, and close the store and the embedder."""
        await self._texts.close()
        self._resources.close()
        self._embedder.close()

    async def embed_text(self, text: str) -> Vector:
        """The vector of a text, embedded together with others that wait. Raises InvalidTextError or
        OverloadedError."""
        return await self.submit_text(text)

    def submit_text(self, text: str) -> Future[Vector]:
        """As ``embed_text``, without waiting."""
        return self._texts.submit(check_query_text(text))

    def embed_image(self, content: bytes) -> Vector:
        """The vector of a picture file's content. Raises UnreadableImageError."""
        return self._embedder.embed_file(Picture(content))

    def embed_audio(self, content: bytes) -> Vector:
        """The vector of a sound file's content. Raises DecodeError."""
        return self._embedder.embed_file(Sound(content))

    def embed_clip(self, clip_id: str, *, region_s: tuple[float, float] | None) -> Vector:
        """The mean of a clip's segments, or the vector of what lies between two times of it, in seconds.

        Raises ClipNotFoundError, or InvalidRequestError if the clip has no segments or ends before the region begins.
        """
        clip = self.clip(clip_id)
        if region_s is None:
            return self._mean_of_segments(clip_id)
        if region_s[0] >= clip.duration_s:
            raise InvalidRequestError(
                f"Clip {clip_id} lasts {clip.duration_s:.2f} s: it ends before the region begins.",
                field="start_s",
            )
        try:
            return self._embedder.embed_file(Region(clip.path, region_s))
        except UnreadableFileError as error:
            raise file_gone(clip_id) from error

    def at_hand(self, filter: SearchFilter, *, k: int) -> Snapshot | None:
        """What ``rank`` would search within some milliseconds, or None where it may take longer: few results of what is
        in memory, with nothing to be brought up to date first."""
        store = self._open
        return None if store is None or k > _FEW_RESULTS else store.snapshot_at_hand(filter)

    def rank(self, question: Question, *, snapshot: Snapshot | None = None) -> Ranking:
        """The results of a question, in the vectors as of now or as ``at_hand`` gave them. Raises
        LibraryNotFoundError."""
        return rank(
            self.store(),
            question.vector,
            filter=question.filter,
            k=question.k,
            by=question.by,
            after=question.after,
            without=question.without,
            moments=MOMENTS if question.by is By.CLIP else 0,
            snapshot=snapshot,
        )

    def clip(self, clip_id: str) -> Clip:
        """Return what the catalogue knows of a clip. Raises ClipNotFoundError."""
        return self.store().catalog.clip(clip_id)

    def libraries(self) -> list[LibrarySummary]:
        """Return all libraries, by name."""
        return self.store().catalog.libraries()

    def confidences(self, question: Question, ranking: Ranking) -> list[float] | None:
        """How likely each result is what was asked for, or None where the model has no calibration."""
        if self._embedder.calibration is None:
            return None
        scores = np.array([hit.score for hit in ranking.hits], np.float32)
        found = self._embedder.calibration.confidences(scores, question.vector, question.kind)
        return [round(each, 4) for each in found.tolist()]

    def _mean_of_segments(self, clip_id: str) -> Vector:
        vectors = self.store().catalog.segments_of(clip_id).vectors
        mean = vectors.sum(axis=0)
        norm = float(np.linalg.norm(mean))
        if norm == 0:
            raise InvalidRequestError(
                f"Clip {clip_id} was not indexed, so nothing can be like it.", field="clip_id"
            )
        return (mean / norm).astype(np.float32)


def open_search_service(
    *,
    store_dir: Path,
    open_embedder: Callable[[], Embedder],
    on_batch: Callable[[int, float], None] = lambda size, seconds: None,
) -> SearchService:
    """Load a model and open the store; that may come later, or be mended.

    Raises what ``open_embedder`` does.
    """
    service = SearchService(embedder=open_embedder(), store_dir=store_dir, on_batch=on_batch)
    try:
        service.prepare()
    except StoreNotFoundError:
        pass
    except IndexerError as error:  # Requests tell it too, for as long as it is so.
        logger.error("cannot answer searches: %s", error)
    return service
