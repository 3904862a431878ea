"""Loads the model and opens the store beside the running server, and publishes its index when that is due.

Loading takes seconds, and minutes where a large index has to be made. The server answers ``/healthz`` and shows its
page meanwhile, and says why if it fails.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from indexer.errors import IndexerError
from model.errors import ModelError
from service.embedder import Embedder
from service.errors import NotAvailableError, ServiceError, StillLoadingError
from service.metrics import Standing
from service.search_service import SearchService, open_search_service

logger = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 60.0


class Runtime:
    """The search service, from the moment that loading it was started."""

    def __init__(
        self,
        *,
        store_dir: Path,
        open_embedder: Callable[[], Embedder],
        on_batch: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._store_dir = store_dir
        self._open_embedder = open_embedder
        self._on_batch = on_batch
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")
        self._loading: Future[SearchService] | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start loading, in a thread of its own."""
        self._loading = self._loader.submit(self._load)
        self._loading.add_done_callback(_log_failure)

    def publish_index(self) -> None:
        """Have the published index brought up to date, in the loader's thread: nobody waits for it."""
        self._loader.submit(_publish, self.service())

    async def stop(self) -> None:
        """Wait for what the loader does to end, and close what was opened."""
        self._stopping.set()
        self._loader.shutdown(wait=True, cancel_futures=True)
        if self._loading and not self._loading.cancelled() and self._loading.exception() is None:
            await self._loading.result().close()

    def wait(self, *, timeout_s: float) -> None:
        """Block until what was begun in the loader's thread has ended, well or not. Raises TimeoutError."""
        self._loader.submit(lambda: None).result(timeout=timeout_s)

    def standing(self) -> Standing | None:
        """How queue and index stand; None while there is no service."""
        try:
            service = self.service()
        except ServiceError:
            return None
        try:
            snapshot = service.store().snapshot()
        except IndexerError:
            return Standing(texts_waiting=service.texts_waiting, generation=None, segments=None)
        return Standing(
            texts_waiting=service.texts_waiting, generation=snapshot.generation, segments=len(snapshot)
        )

    def service(self) -> SearchService:
        """Return the search service. Raises StillLoadingError or NotAvailableError."""
        if self._loading is None or not self._loading.done():
            raise StillLoadingError(
                "The model is still loading, or the store being opened; ask again in a moment."
            )
        error = self._loading.exception()
        if isinstance(error, IndexerError | ModelError):
            raise NotAvailableError(str(error)) from error
        if error is not None:
            raise NotAvailableError(
                "The model or the store could not be opened; the server's log says why."
            ) from error
        return self._loading.result()

    def _load(self) -> SearchService:
        pause_s = 1.0
        while True:
            try:
                return open_search_service(
                    store_dir=self._store_dir, open_embedder=self._open_embedder, on_batch=self._on_batch
                )
            except NotAvailableError as error:  # of a process that died, for want of memory perhaps
                logger.error("%s Trying again in %.0f s.", error, pause_s)
                if self._stopping.wait(pause_s):
                    raise
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)


def _publish(service: SearchService) -> None:
    try:
        service.publish_index()
    except Exception:  # The old index goes on serving, with what has changed since.
        logger.exception("the index could not be brought up to date")


def _log_failure(loading: Future[SearchService]) -> None:
    error = None if loading.cancelled() else loading.exception()
    if isinstance(error, IndexerError | ModelError):
        logger.error("cannot answer searches: %s", error)
    elif error is not None:
        logger.error("cannot answer searches", exc_info=error)
