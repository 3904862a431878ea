"""The Store: a directory that holds everything about a user's sounds.

    catalog.sqlite          the Catalog: source of truth
    index-GENERATION.faiss  the VectorIndex, derived from the catalogue
    manifest.json           for people and programs: format, space, and the index file with its checksum
    writer.lock             held by the one process that writes

Whatever is wrong with a derived file (behind, missing, damaged), it is made again from the catalogue. Readers
notice a new generation by one cheap query and take over what changed, so a running server needs no restart
after indexing.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np
from numpy.typing import NDArray

from indexer.catalog import FORMAT_VERSION, Catalog
from indexer.errors import SpaceMismatchError, StoreBusyError, StoreError, StoreNotFoundError
from indexer.records import SearchFilter
from indexer.vector_index import VectorIndex, bitmap_of
from model.files import write_atomically
from model.space import EmbeddingSpace

_LOCK_WAIT_S = 2.0
_MOST_FILTERS_HELD = 64
"""Filters whose segments are kept at hand: a bit for each segment of the store, for each filter."""


@dataclass(frozen=True)
class Snapshot:
    """A VectorIndex as of one generation of the catalogue."""

    generation: int
    deletions: int
    vectors: VectorIndex


class Store:
    """An open store; made by ``open_store`` and ``open_store_for_writing``. Safe to search from several
    threads."""

    def __init__(self, directory: Path, catalog: Catalog, *, writable: bool) -> None:
        self.directory = directory
        self.catalog = catalog
        self.writable = writable
        self.space = catalog.state().space
        """The embedding space that the store is bound to."""
        self._refreshing = threading.Lock()
        self._snapshot = self._load_snapshot()
        self._filter_bits: dict[SearchFilter, NDArray[np.uint8]] = {}

    def snapshot(self) -> Snapshot:
        """The vectors as of now; takes over what changed in the catalogue since the last call.

        Raises:
            SpaceMismatchError: the store was emptied and bound to another space since it was opened.
        """
        if self._is_current():
            return self._snapshot
        with self._refreshing:
            if not self._is_current():
                self._snapshot = self._refreshed(self._snapshot)
                self._filter_bits = {}
            return self._snapshot

    def filter_bits(self, filter: SearchFilter) -> NDArray[np.uint8]:
        """Which segments pass a filter, for ``VectorIndex.search``; LibraryNotFoundError without its library."""
        held = (
            self._filter_bits
        )  # One reading: a refresh in another thread puts a new dictionary in its place.
        bits = held.get(filter)
        if bits is None:
            bits = bitmap_of(self.catalog.matching_segment_ids(filter))
            if len(held) >= _MOST_FILTERS_HELD:
                held.clear()
            held[filter] = bits
        return bits

    def save_index(self) -> None:
        """Bring the index file and the manifest to the catalogue's generation. Only for a writable store."""
        if not self.writable:
            raise StoreError("This store is open for reading only.")
        snapshot = self.snapshot()
        path = self.directory / f"index-{snapshot.generation}.faiss"
        snapshot.vectors.save(path)
        space = self.space
        manifest = {
            "format_version": FORMAT_VERSION,
            "space": {"name": space.name, "fingerprint": space.fingerprint, "dim": space.dim},
            "generation": snapshot.generation,
            "deletions": snapshot.deletions,
            "index": {"file": path.name, "sha256": _sha256(path)},
        }
        write_atomically(self._manifest_path, json.dumps(manifest, indent=2).encode() + b"\n")
        # Also what a killed writer left half written: this process is the only writer now.
        for old in (*self.directory.glob("index-*.faiss"), *self.directory.glob("*.tmp")):
            if old != path:
                old.unlink(missing_ok=True)

    def index_is_saved(self) -> bool:
        """Whether the files on disk are those of the catalogue's generation."""
        try:
            manifest = json.loads(self._manifest_path.read_bytes())
            saved = self.directory / manifest["index"]["file"]
            return manifest["generation"] == self.catalog.state().generation and saved.exists()
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @property
    def _manifest_path(self) -> Path:
        return self.directory / "manifest.json"

    def _is_current(self) -> bool:
        state = self.catalog.state()
        if state.space != self.space:
            raise _mismatch(self.directory, own=state.space, asked=self.space)
        return self._snapshot.generation == state.generation

    def _load_snapshot(self) -> Snapshot:
        """What the derived files hold, or nothing if anything about them is wrong."""
        state = self.catalog.state()
        try:
            manifest = json.loads(self._manifest_path.read_bytes())
            path = self.directory / manifest["index"]["file"]
            generation, deletions = int(manifest["generation"]), int(manifest["deletions"])
            if generation > state.generation or manifest["space"]["fingerprint"] != state.space.fingerprint:
                raise ValueError("not an index of this catalogue")
            if path.parent != self.directory or _sha256(path) != manifest["index"]["sha256"]:
                raise ValueError("the index file is not the one that was saved")
            return Snapshot(generation, deletions, VectorIndex.load(path, dim=state.space.dim))
        except (OSError, ValueError, KeyError, TypeError):
            return _nothing(state.space.dim)

    def _refreshed(self, old: Snapshot) -> Snapshot:
        held = old.vectors.ids
        state, all_ids, new = self.catalog.changes_since(
            last_id=int(held.max()) if len(held) else 0,
            deletions=old.deletions,
        )
        removed = np.empty(0, np.int64) if all_ids is None else np.setdiff1d(held, all_ids)
        empty = np.empty((0, state.space.dim), np.float32)
        vectors = old.vectors.with_changes(
            added_ids=np.concatenate([np.empty(0, np.int64), *(part.ids for part in new)]),
            added=np.concatenate([empty, *(part.vectors for part in new)]),
            removed_ids=removed,
        )
        return Snapshot(state.generation, state.deletions, vectors)


@contextmanager
def open_store(directory: Path, *, space: EmbeddingSpace | None = None) -> Iterator[Store]:
    """Open an existing store for reading, for queries in ``space`` (None: any, for looking at its catalogue).

    Index files that are behind are brought up to date on disk where that is possible; where it is not
    (another process writes, the disk is read-only), only in memory.

    Raises:
        StoreNotFoundError: nothing was ever indexed into this directory.
        SpaceMismatchError: the store was built in another space.
        StoreError: it is damaged or of another format.
    """
    if not (directory / "catalog.sqlite").is_file():
        raise StoreNotFoundError(
            f"There is no store at {str(directory)!r}. Make one with: sonoglot index FOLDER --library NAME"
        )
    catalog = Catalog(directory / "catalog.sqlite")
    try:
        _check_space(catalog, space, directory)
        store = Store(directory, catalog, writable=False)
        if not store.index_is_saved():
            _save_if_possible(directory, store)
        yield store
    finally:
        catalog.close()


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
            if space is not None and catalog.state().space != space and _holds_nothing(catalog):
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


def _nothing(dim: int) -> Snapshot:
    return Snapshot(-1, -1, VectorIndex.empty(dim))


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
