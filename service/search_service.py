"""Joins model and store: a question becomes a vector, the vector ranked clips.

Knows nothing of HTTP. Everything here blocks and is called from worker threads; the endpoints keep inference
to one call at a time.
"""

import threading
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.queries import audio_vector, image_vector
from indexer.records import Clip, LibrarySummary, SearchFilter
from indexer.search import RankedClip, search
from indexer.store import Store, open_store
from model.directory import load_model
from model.limits import check_query_text
from model.retrieval_model import RetrievalModel
from model.space import EmbeddingSpace
from service.batching import TextBatcher
from service.errors import InvalidRequestError


class SearchService:
    """Answers questions with one model and the store at one directory.

    The store is opened when it is first needed, so a server may be started before anything was indexed; until
    then every call raises StoreNotFoundError. What is indexed later is found without a restart.
    """

    def __init__(self, *, model: RetrievalModel, store_dir: Path) -> None:
        self._model = model
        self._store_dir = store_dir
        self._open: Store | None = None
        self._opening = threading.Lock()
        self._texts = TextBatcher(model.embed_texts)
        self._resources = ExitStack()

    @property
    def model_name(self) -> str:
        """Name of the model's embedding space."""
        return self._model.space.name

    @property
    def space(self) -> EmbeddingSpace:
        """The model's embedding space."""
        return self._model.space

    @property
    def store_dir(self) -> Path:
        """Where the store is, or will be."""
        return self._store_dir

    def store(self) -> Store:
        """Return the open store. Raises StoreNotFoundError, SpaceMismatchError or StoreError."""
        with self._opening:
            if self._open is None:
                self._open = self._resources.enter_context(
                    open_store(self._store_dir, space=self._model.space)
                )
            return self._open

    def close(self) -> None:
        """Answer what was accepted, and close the store."""
        self._texts.close()
        self._resources.close()

    def embed_text(self, text: str) -> Future[NDArray[np.float32]]:
        """The vector of a text, to come, embedded together with others that wait. Raises InvalidTextError or
        OverloadedError."""
        return self._texts.submit(check_query_text(text))

    def search_vector(self, vector: NDArray[np.float32], *, filter: SearchFilter, k: int) -> list[RankedClip]:
        """Find clips by a vector of the model's space. Raises LibraryNotFoundError."""
        return self._search(vector, filter=filter, k=k)

    def search_image(self, content: bytes, *, filter: SearchFilter, k: int) -> list[RankedClip]:
        """Find clips by a picture file's content. Raises UnreadableImageError or LibraryNotFoundError."""
        return self._search(image_vector(self._model, content), filter=filter, k=k)

    def search_audio(self, content: bytes, *, filter: SearchFilter, k: int) -> list[RankedClip]:
        """Find clips by a sound file's content. Raises DecodeError or LibraryNotFoundError."""
        return self._search(audio_vector(self._model, content), filter=filter, k=k)

    def search_like(self, clip_id: str, *, filter: SearchFilter, k: int) -> list[RankedClip]:
        """Find other clips that sound like one of the store, by the mean of its segments' vectors.

        Raises ClipNotFoundError, LibraryNotFoundError, or InvalidRequestError if the clip has no segments.
        """
        self.clip(clip_id)
        vectors = self.store().catalog.segments_of(clip_id).vectors
        mean = vectors.sum(axis=0)
        norm = float(np.linalg.norm(mean))
        if norm == 0:
            raise InvalidRequestError(
                f"Clip {clip_id} was not indexed, so nothing can be like it.", field="clip_id"
            )
        found = self._search((mean / norm).astype(np.float32), filter=filter, k=k + 1)
        others = [hit for hit in found if hit.clip_id != clip_id][:k]
        return [replace(hit, rank=rank) for rank, hit in enumerate(others, start=1)]

    def clip(self, clip_id: str) -> Clip:
        """Return what the catalogue knows of a clip. Raises ClipNotFoundError."""
        return self.store().catalog.clip(clip_id)

    def libraries(self) -> list[LibrarySummary]:
        """Return all libraries, by name."""
        return self.store().catalog.libraries()

    def _search(self, vector: NDArray[np.float32], *, filter: SearchFilter, k: int) -> list[RankedClip]:
        return search(self.store(), vector, filter=filter, k=k)


def open_search_service(*, store_dir: Path, model_dir: Path | None) -> SearchService:
    """Load a model (the committed default if none is given) and make it ready; the store may come later.

    Raises ModelError.
    """
    model = load_model(model_dir)
    model.embed_texts(["warm-up"])  # the first call pays for lazily built kernels; no user should
    return SearchService(model=model, store_dir=store_dir)
