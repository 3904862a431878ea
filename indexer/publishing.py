"""Publishes the index of a store: writes a generation beside the one in use, checks it, then switches to it.

Whoever reads the old generation goes on reading it: on POSIX systems its files lose their names at once and their
space when the last reader has moved on; elsewhere they are deleted by a later publication.
"""

import shutil
from dataclasses import replace
from enum import Enum
from itertools import count as count_up
from pathlib import Path

import numpy as np

from indexer.catalog import FORMAT_VERSION, Catalog, CatalogState
from indexer.coarse import IndexKind, kind_for
from indexer.errors import StoreError
from indexer.manifest import Manifest, facts_of, read_manifest, write_manifest
from indexer.vector_index import VectorIndex, files_of, open_index, write_index

ADDED_UP_TO = 20_000
"""Segments that a large index may lack: they are compared with one by one, in some milliseconds."""

_GONE_SHARE = 0.1
_CHECKED_WHEN_OPENED = 64 * 2**20  # bytes; larger files are checked by their sizes, and by `verify`
_SAMPLE = 20


class Work(Enum):
    """What an index needs to be current enough."""

    NONE = "none"
    EXTEND = "extend"
    REBUILD = "rebuild"


def open_published(store: Path, state: CatalogState) -> tuple[Manifest, VectorIndex]:
    """The index that the manifest names; ValueError if it is no whole index of this catalogue."""
    manifest = read_manifest(store)
    if manifest.generation > state.generation or manifest.space != state.space:
        raise ValueError("not an index of this catalogue")
    if manifest.format_version != FORMAT_VERSION:
        raise ValueError(f"an index of format {manifest.format_version}")
    directory = store / manifest.directory
    for name, facts in manifest.files.items():
        size = (directory / name).stat().st_size
        if size != facts.size_bytes or (size <= _CHECKED_WHEN_OPENED and facts_of(directory / name) != facts):
            raise ValueError(f"{name} is not the file that was written")
    return manifest, open_index(directory, manifest.about)


def work_due(catalog: Catalog, manifest: Manifest, *, asked: IndexKind | None) -> Work:
    """Whether the published index must be written again, or may serve with what came and went since."""
    about, total = manifest.about, catalog.segment_count()
    above = catalog.segment_count(above=manifest.last_id)
    gone = about.rows - (total - above)
    if total == 0 or about.rows == 0:
        return Work.NONE if total == about.rows else Work.REBUILD
    kind = kind_for(total, asked)
    if kind is not about.kind:
        return Work.REBUILD
    if kind is IndexKind.EXACT:
        return Work.REBUILD if above or gone else Work.NONE
    if gone > _GONE_SHARE * about.rows or total > 2 * about.trained_on:
        return Work.REBUILD
    return Work.EXTEND if above > ADDED_UP_TO else Work.NONE


def publish(store: Path, catalog: Catalog, old: Manifest | None, *, asked: IndexKind | None) -> None:
    """Bring the published index of a store up to date, as far as it needs it. Only for the one writer.

    ``old``: the manifest of a whole index, or None. Raises StoreError if what was written does not stand the check;
    the old index stays in place then.
    """
    work = Work.REBUILD if old is None else work_due(catalog, old, asked=asked)
    if old is not None and work is Work.NONE:
        if old.asked != asked:
            write_manifest(store, replace(old, asked=asked))
        _remove_others(store, old.directory)
        return
    state, directory = catalog.state(), _new_directory(store, catalog.state().generation)
    extended = old if work is Work.EXTEND else None
    after = 0 if extended is None else extended.last_id
    rows = catalog.segment_count(above=after)
    try:
        about = write_index(
            directory,
            catalog.vectors_above(after),
            kind=kind_for(catalog.segment_count(), asked),
            count=rows,
            dim=state.space.dim,
            old=None if extended is None else (store / extended.directory, extended.about),
        )
        index = open_index(directory, about)
        _check(index, catalog)
        files = {path.name: facts_of(path) for path in files_of(directory)}
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, ValueError | OSError | RuntimeError | MemoryError):
            raise StoreError(
                f"The index of the store at {str(store)!r} could not be written ({error}): check free space and "
                "memory, then run the command again; what was indexed is kept."
            ) from error
        raise
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        space=state.space,
        generation=state.generation,
        # Of an extended index, rows that went since the old one was written are still there.
        deletions=state.deletions if extended is None else extended.deletions,
        directory=directory.name,
        asked=asked,
        last_id=index.last_id,
        about=about,
        files=files,
    )
    write_manifest(store, manifest)
    _remove_others(store, directory.name)


def _check(index: VectorIndex, catalog: Catalog) -> None:
    """Raises ValueError unless a sample of rows is what the catalogue holds, and is found by itself."""
    if not len(index):
        return
    if (np.diff(index.ids) <= 0).any():
        raise ValueError("segment ids do not ascend")
    drawn = np.random.default_rng(0).choice(len(index), min(_SAMPLE, len(index)), replace=False)
    held = catalog.vectors_of([int(index.ids[place]) for place in drawn])
    for place in drawn:
        row = index.vectors[place]
        vector = held.get(int(index.ids[place]))
        if vector is not None and not np.array_equal(vector, row):
            raise ValueError(f"segment {index.ids[place]} is not what the catalogue holds")
        _, scores = index.search(row, count=1)
        if scores[0] < float(row @ row) - 1e-4:
            raise ValueError(f"segment {index.ids[place]} is not found by its own vector")


def _new_directory(store: Path, generation: int) -> Path:
    names = (store / (f"index-{generation}" + (f"-{turn}" if turn else "")) for turn in count_up())
    return next(path for path in names if not path.exists())


def _remove_others(store: Path, directory: str) -> None:
    """Also what a killed writer left half written: this process is the only writer now."""
    for path in store.glob("index-*"):
        if path.name != directory:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    for path in store.glob("*.tmp"):
        path.unlink(missing_ok=True)
