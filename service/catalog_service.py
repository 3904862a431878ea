"""Changes libraries and clips over the API, and looks through them.

Knows nothing of HTTP. Everything here blocks and is called from worker threads. What needs the store's one writer says
so: only removing a library does, for a run of indexing would make it anew, half of it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import Catalog
from indexer.catalog_editing import Said, create_library, delete_clip, describe_clip
from indexer.clip_pages import ClipPage, clip_page
from indexer.errors import LibraryNotFoundError, StoreNotFoundError
from indexer.records import Clip, ClipStatus, FilterValues, LibrarySummary
from indexer.store import open_catalog_for_writing, open_store_for_writing
from service.errors import InvalidRequestError
from service.jobs import Jobs
from service.library_removal import remove_library
from service.search_service import SearchService
from service.upload_storage import forget_upload


class CatalogService:
    """What may be done to the catalogue of the store that a SearchService has open."""

    def __init__(self, search: SearchService) -> None:
        self._search = search

    def create_library(self, name: str) -> LibrarySummary:
        """Make an empty library, and the store if this is its first.

        Raises InvalidLibraryNameError, LibraryExistsError or StoreError.
        """
        try:
            catalog = self._catalog
        except StoreNotFoundError:
            with open_store_for_writing(self._search.store_dir, space=self._search.space):
                pass  # made
            catalog = self._catalog
        create_library(catalog, name)
        return catalog.library(name)

    @property
    def store_dir(self) -> Path:
        """Where the store is."""
        return self._search.store_dir

    def library_to_fill(self, name: str) -> None:
        """Check that a library may be uploaded to; LibraryNotFoundError says how it is made."""
        try:
            self._catalog.library(name)
        except LibraryNotFoundError as error:
            raise LibraryNotFoundError(f"{error} Make it first, with POST /v1/libraries.") from error

    def library(self, name: str) -> LibrarySummary:
        """One library; LibraryNotFoundError names those there are."""
        return self._catalog.library(name)

    def remove_library(self, name: str, jobs: Jobs) -> None:
        """Forget a library, its clips, and the files that were uploaded into it; no other file is touched. Its jobs are
        cancelled.

        Raises LibraryNotFoundError, DatabaseUnavailableError, or StoreBusyError while something is indexed.
        """
        self._catalog.library(name)
        jobs.cancel_all_of(name)  # One that runs has the writer's lock, which is waited for a moment.
        with open_catalog_for_writing(self._search.store_dir) as catalog:
            remove_library(catalog, name, store_dir=self._search.store_dir, jobs=jobs)

    def clips(self, library: str, *, most: int, after: Path | None, status: ClipStatus | None) -> ClipPage:
        """A page of a library's clips. Raises LibraryNotFoundError."""
        return clip_page(self._catalog, library, most=most, after=after, status=status)

    def filter_values(self, library: str, *, most: int) -> FilterValues:
        """What a library's clips can be filtered by. Raises LibraryNotFoundError."""
        return self._catalog.filter_values(library, most=most)

    def describe_clip(self, clip_id: str, said: Said) -> Clip:
        """Lay a user's words over what was found of a clip. Raises ClipNotFoundError."""
        return describe_clip(self._catalog, clip_id, said)

    def delete_clip(self, clip_id: str) -> None:
        """Forget a clip for good, and its file if it was uploaded; no other file is touched. ClipNotFoundError."""
        clip = self._catalog.clip(clip_id)
        delete_clip(self._catalog, clip_id)
        forget_upload(self._search.store_dir, clip.library, clip.path)

    def segment_vectors(self, clip_id: str) -> NDArray[np.float32]:
        """Unit vectors of a clip's segments, shape (N, D), at least one.

        Raises ClipNotFoundError, or InvalidRequestError if the clip was not indexed.
        """
        self._catalog.clip(clip_id)
        vectors = self._catalog.segments_of(clip_id).vectors
        if not len(vectors):
            raise InvalidRequestError(
                f"Clip {clip_id} was not indexed, so nothing is known of its sound.", field="clip_id"
            )
        return vectors

    @property
    def _catalog(self) -> Catalog:
        return self._search.store().catalog
