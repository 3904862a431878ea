"""The Store: a directory that holds everything about a user's sounds.

    catalog.sqlite     the Catalog: source of truth
    index-GENERATION/  the VectorIndex, derived from the catalogue
    manifest.json      for people and programs: format, space, and the index with its files' checksums
    writer.lock        held by the one process that writes

Whatever is wrong with a derived file (behind, missing, damaged), it is made again from the catalogue. Readers
notice what was committed by one cheap query, and what was published by a look at the manifest's time, so a running
server needs no restart after indexing.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from indexer.catalog import Catalog
from indexer.coarse import IndexKind
from indexer.errors import SpaceMismatchError, StoreBusyError, StoreError, StoreNotFoundError
from indexer.found_clips import FoundClips
from indexer.manifest import Manifest, manifest_path
from indexer.publishing import Work, open_published, publish, work_due
from indexer.records import SearchFilter
from indexer.snapshot import Chosen, Snapshot, first_snapshot, next_snapshot
from indexer.vector_index import VectorIndex
from model.space import EmbeddingSpace

_LOCK_WAIT_S = 2.0
_CHOICES_HELD = 64
_OPENINGS = 5


class Store:
    """An open store; made by ``open_store`` and ``open_store_for_writing``. Safe to search from several
    threads."""

    def __init__(self, directory: Path, catalog: Catalog, *, writable: bool) -> None:
        self.directory = directory
        self.catalog = catalog
        self.writable = writable
        self.found_clips = FoundClips(catalog)
        self.space = catalog.state().space
        """The embedding space that the store is bound to."""
        self._manifest_path = str(manifest_path(directory))
        self._refreshing = threading.Lock()
        self._seen: object = None
        """The look of the manifest when it was last read."""
        self._published: tuple[Manifest, VectorIndex] | None = None
        self._snapshot: Snapshot | None = None
        self._chosen: tuple[Snapshot | None, dict[SearchFilter, Chosen]] = (None, {})
        self._read_published()
        self._asked = None if self._published is None else self._published[0].asked

    def snapshot(self) -> Snapshot:
        """The vectors as of now; takes over what changed in the store since the last call.

        Raises:
            SpaceMismatchError: the store was emptied and bound to another space since it was opened.
        """
        if not self._is_current():
            with self._refreshing:
                if not self._is_current():
                    self._snapshot = self._refreshed(self._snapshot)
        assert self._snapshot is not None
        return self._snapshot

    def snapshot_at_hand(self, filter: SearchFilter) -> Snapshot | None:
        """The vectors as of now if a search of them with a filter begins at once: nothing has changed, and what passes
        is known. Errors as of ``snapshot``."""
        of, held = self._chosen
        snapshot = self._snapshot
        is_known = filter.is_empty or (of is snapshot and filter in held)
        return snapshot if is_known and self._is_current() and snapshot is self._snapshot else None

    def passing(self, snapshot: Snapshot, filter: SearchFilter) -> Chosen:
        """Which rows of a snapshot pass a filter, for its search; LibraryNotFoundError without its library."""
        of, held = self._chosen  # One reading: another thread may put a new pair in its place.
        if of is not snapshot or len(held) >= _CHOICES_HELD:
            held = {}
            self._chosen = snapshot, held
        if filter not in held:
            held[filter] = snapshot.choose(self.catalog.matching_segment_ids(filter))
        return held[filter]

    def ask_index(self, kind: IndexKind | None) -> None:
        """From the next publication on, the index is of this kind; None: by size."""
        self._asked = kind

    def save_index(self) -> None:
        """Publish an index that is current, or lacks few segments. Only for a writable store."""
        if not self.writable:
            raise StoreError("This store is open for reading only.")
        publish(self.directory, self.catalog, self.manifest, asked=self._asked)
        self._read_published()

    def rebuild_index(self) -> None:
        """Make the index again from the catalogue, whatever the published one looks like."""
        self._published = None
        self.save_index()

    def index_is_saved(self) -> bool:
        """Whether the published index is whole and current, but for segments few enough to be read beside it."""
        self._read_published()
        if self._published is None:
            return False
        manifest, _ = self._published
        return work_due(self.catalog, manifest, asked=manifest.asked) is Work.NONE

    @property
    def manifest(self) -> Manifest | None:
        """What is published, or None if there is no whole index."""
        return None if self._published is None else self._published[0]

    def _is_current(self) -> bool:
        state = self.catalog.state()
        if state.space != self.space:
            raise _mismatch(self.directory, own=state.space, asked=self.space)
        held = self._snapshot
        return (
            held is not None
            and held.generation == state.generation
            and self._seen == _look(self._manifest_path)
        )

    def _refreshed(self, old: Snapshot | None) -> Snapshot:
        self._read_published()
        if self._published is None:
            base, deletions = VectorIndex.empty(self.space.dim), self.catalog.state().deletions
        else:
            manifest, base = self._published
            deletions = manifest.deletions
        if old is not None and (old.base is base or self._published is None):
            return next_snapshot(self.catalog, old)
        return first_snapshot(self.catalog, base, base_deletions=deletions)

    def _read_published(self) -> None:
        """Open what is published now, unless it is open. What cannot be used leaves what was open before."""
        for _ in range(_OPENINGS):
            look = _look(self._manifest_path)
            if look == self._seen:
                return
            with suppress(OSError, ValueError):
                self._published = open_published(self.directory, self.catalog.state())
            self._seen = look  # If it was replaced while it was read, another turn shows that.


@contextmanager
def open_store(
    directory: Path, *, space: EmbeddingSpace | None = None, may_publish: bool = True
) -> Iterator[Store]:
    """Open an existing store for reading, for queries in ``space`` (None: any, for looking at its catalogue).

    Index files that are behind are brought up to date on disk where that is possible, which may take minutes; where it
    is not (another process writes, the disk is read-only), or without ``may_publish``, only in memory.

    Raises:
        StoreNotFoundError: nothing was ever indexed into this directory.
        SpaceMismatchError: the store was built in another space.
        StoreError: it is damaged or of another format.
    """
    with open_catalog(directory) as catalog:
        _check_space(catalog, space, directory)
        store = Store(directory, catalog, writable=False)
        if may_publish and not store.index_is_saved():
            _save_if_possible(directory, store)
        yield store


@contextmanager
def open_catalog(directory: Path) -> Iterator[Catalog]:
    """Open the catalogue of an existing store alone, leaving the index as it is; errors as in ``open_store``."""
    if not (directory / "catalog.sqlite").is_file():
        raise StoreNotFoundError(
            f"There is no store at {str(directory)!r}. Make one with: sonoglot index FOLDER --library NAME"
        )
    catalog = Catalog(directory / "catalog.sqlite")
    try:
        catalog.state()
        catalog.bring_up_to_date()
        yield catalog
    finally:
        catalog.close()


@contextmanager
def open_catalog_for_writing(directory: Path) -> Iterator[Catalog]:
    """Open the catalogue alone as the store's only writer, for what would pull the rug from under a run of indexing.

    Errors as in ``open_catalog``, and StoreBusyError while another process writes.
    """
    with open_catalog(directory) as catalog, _writer_lock(directory, wait_s=_LOCK_WAIT_S):
        yield catalog


@contextmanager
def open_store_for_writing(directory: Path, *, space: EmbeddingSpace | None = None) -> Iterator[Store]:
    """Open a store as its only writer, making it first if ``space`` is given.

    A store that holds no segments any more is bound to the new space; otherwise errors are as in
    ``open_store``, and StoreBusyError while another process writes.
    """
    if space is None and not (directory / "catalog.sqlite").is_file():
        raise StoreNotFoundError(f"There is no store at {str(directory)!r}.")
    with _writer_lock(directory, wait_s=_LOCK_WAIT_S):
        path = directory / "catalog.sqlite"
        catalog = Catalog(path) if space is None else Catalog.create(path, space)
        try:
            catalog.state()
            catalog.bring_up_to_date()
            if space is not None and catalog.state().space != space and _holds_nothing(catalog):
                catalog.forget_unused()  # of clips that were deleted one by one
                catalog.rebind(space)
            _check_space(catalog, space, directory)
            yield Store(directory, catalog, writable=True)
        finally:
            catalog.close()


@contextmanager
def _writer_lock(directory: Path, *, wait_s: float) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(directory / "writer.lock", timeout=wait_s)
        lock.acquire()
    except filelock.Timeout as error:
        raise StoreBusyError(
            f"Another process is writing to the store at {str(directory)!r}. Wait until it has finished, "
            "or give another directory with --store."
        ) from error
    except (OSError, ValueError) as error:
        raise StoreError(f"The store at {str(directory)!r} cannot be written to: {error}.") from error
    try:
        yield
    finally:
        lock.release()


def _save_if_possible(directory: Path, store: Store) -> None:
    with suppress(StoreError, OSError), _writer_lock(directory, wait_s=0):
        store.writable = True
        try:
            store.save_index()
        finally:
            store.writable = False


def _holds_nothing(catalog: Catalog) -> bool:
    return all(library.segments == 0 and library.missing == 0 for library in catalog.libraries())


def _check_space(catalog: Catalog, space: EmbeddingSpace | None, directory: Path) -> None:
    own = catalog.state().space
    if space is not None and own != space:
        raise _mismatch(directory, own=own, asked=space)


def _mismatch(directory: Path, *, own: EmbeddingSpace, asked: EmbeddingSpace) -> SpaceMismatchError:
    return SpaceMismatchError(
        f"The store at {str(directory)!r} was built with the model {own}, and this is {asked}. Their vectors "
        "cannot be compared. Use --model with the model it was built with, or index the files again into "
        "another --store."
    )


def _look(manifest: str) -> tuple[int, int, int] | None:
    """What tells one manifest from the next, without reading it."""
    try:
        info = os.stat(manifest)
    except OSError:
        return None
    return info.st_ino, info.st_mtime_ns, info.st_size
