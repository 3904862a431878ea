"""Checks a store from end to end: whether the catalogue is sound, and whether the index holds what it says.

Reads every byte, so it takes as long as the disk does. It changes nothing; each finding says what to do.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.catalog import Catalog
from indexer.catalog_checks import catalog_problems
from indexer.coarse import IndexKind
from indexer.errors import StoreError
from indexer.manifest import Manifest, facts_of, read_manifest
from indexer.vector_index import VectorIndex, open_index

_INDEX_AGAIN = "run `sonoglot rebuild`: it makes the index again from the catalogue, without the audio"
_CATALOGUE = (
    "restore the store from a backup, or move it away and index again: vectors of what is damaged cannot be told "
    "from the rest"
)
_QUERIES = 50


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong with a store, where, and what to do."""

    where: str
    what: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was checked, and what is wrong with it."""

    segments: int
    indexed: int
    beside_the_index: int
    findings: tuple[Finding, ...]


def verify(store: Path, catalog: Catalog) -> Verification:
    """Check the store in this directory, whose catalogue is open. StoreError if that cannot be read at all."""
    findings = [
        Finding(where="catalog.sqlite", what=what, remedy=_CATALOGUE) for what in catalog_problems(catalog)
    ]
    segments = catalog.segment_count()
    try:
        manifest = read_manifest(store)
    except ValueError as error:
        findings.append(Finding(where="manifest.json", what=str(error), remedy=_INDEX_AGAIN))
        return Verification(segments=segments, indexed=0, beside_the_index=segments, findings=tuple(findings))
    # What the catalogue cannot give, the index cannot be compared with; that is said above.
    with suppress(StoreError):
        for what in _index_problems(store, catalog, manifest):
            findings.append(Finding(where=manifest.directory, what=what, remedy=_INDEX_AGAIN))
    return Verification(
        segments=segments,
        indexed=manifest.about.rows,
        beside_the_index=catalog.segment_count(above=manifest.last_id),
        findings=tuple(findings),
    )


def _index_problems(store: Path, catalog: Catalog, manifest: Manifest) -> Iterator[str]:
    state = catalog.state()
    if manifest.space != state.space:
        yield f"it is of the space {manifest.space}, and the catalogue of {state.space}"
        return
    if manifest.generation > state.generation:
        yield f"it is of generation {manifest.generation}, and the catalogue of {state.generation}: one was replaced"
    for name, facts in manifest.files.items():
        try:
            found = facts_of(store / manifest.directory / name)
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror or error}"
            continue
        if found.size_bytes != facts.size_bytes:
            yield f"{name} has {found.size_bytes} bytes instead of {facts.size_bytes}"
        elif found.sha256 != facts.sha256:
            yield f"{name} is not what was written: its checksum differs"
    try:
        index = open_index(store / manifest.directory, manifest.about)
    except ValueError as error:
        yield str(error)
        return
    if (np.diff(index.ids) <= 0).any():
        yield "segment ids do not ascend"
        return
    yield from _differences(index, catalog, deletions_differ=state.deletions != manifest.deletions)
    yield from _unfound(index)


def _differences(index: VectorIndex, catalog: Catalog, *, deletions_differ: bool) -> Iterator[str]:
    """The index and the catalogue, row for row."""
    seen = other = 0
    for part in catalog.vectors_above(0):
        part_ids = part.ids[part.ids <= index.last_id]
        places = np.searchsorted(index.ids, part_ids)
        there = index.ids[np.minimum(places, max(0, len(index) - 1))] == part_ids
        if not there.all():
            first = int(part_ids[~there][0])
            yield f"{np.count_nonzero(~there)} segments of the catalogue are not in it, the first is {first}"
        seen += int(there.sum())
        own, of_catalogue = index.segments[places[there]], part[: len(part_ids)][there]
        differs = (own.vectors != of_catalogue.vectors).any(axis=1)
        differs |= (own.spans_s != of_catalogue.spans_s).any(axis=1)
        differs |= own.content_ids != of_catalogue.content_ids
        other += int(differs.sum())
    if other:
        yield f"{other} segments are not as the catalogue has them"
    if seen < len(index) and not deletions_differ:
        yield f"{len(index) - seen} segments in it are not in the catalogue"


def _unfound(index: VectorIndex) -> Iterator[str]:
    """Whether rows are found by their own vectors; a search structure may miss a few, but not many."""
    if not len(index):
        return
    drawn = np.random.default_rng(1).integers(len(index), size=_QUERIES)
    missed = 0
    for row in index.vectors[drawn]:
        _, scores = index.search(row, count=1)
        missed += len(scores) == 0 or float(scores[0]) < float(row @ row) - 1e-4
    if missed > (0 if index.about.kind is IndexKind.EXACT else _QUERIES // 10):
        yield f"{missed} of {_QUERIES} segments are not found by their own vectors"
