"""The vectors of a store as of one moment: a VectorIndex, what came since, and what went.

Small additions are compared with one by one and removals are masked, so both count at once, and a large index need
not be made again for either. A snapshot never changes once made; searches in other threads go on undisturbed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import Catalog, SegmentVectors
from indexer.nearest import nearest_rows
from indexer.vector_index import Allowed, Hit, VectorIndex, no_segments


@dataclass(frozen=True)
class Chosen:
    """Where a search may look: rows of the index and of what was added; all of them where it says None."""

    base: Allowed | None
    added: NDArray[np.int64] | None


class RowsOfSegments(NamedTuple):
    """Rows of one part of a snapshot, for each of some segments."""

    part: SegmentVectors
    rows_of: dict[int, range]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All vectors as of one generation of the catalogue."""

    generation: int
    deletions: int
    base: VectorIndex
    base_deletions: int
    """The catalogue's ``deletions`` when the index was written."""
    added: SegmentVectors
    """Segments that the index lacks, by id."""
    everything: Chosen
    """All that may be found: not what is gone, nor what only missing clips have."""
    gone: int
    """Rows of the index whose segments are no more."""

    def __len__(self) -> int:
        return len(self.base) - self.gone + len(self.added.ids)

    def choose(self, ids: NDArray[np.int64]) -> Chosen:
        """Where to look for segments of these ids, ascending, as far as they may be found."""
        base = _positions(self.base.ids, ids)
        if self.everything.base is not None:
            base = np.intersect1d(base, self.everything.base.positions, assume_unique=True)
        added = _positions(self.added.ids, ids)
        if self.everything.added is not None:
            added = np.intersect1d(added, self.everything.added, assume_unique=True)
        return Chosen(Allowed.of(base, rows=len(self.base)), added)

    def search(self, query: NDArray[np.float32], *, count: int, among: Chosen | None = None) -> list[Hit]:
        """The ``count`` best hits for a unit vector (D,), best first; fewer only where there are fewer.

        ``among``: what ``choose`` of this snapshot gave.
        """
        among = self.everything if among is None else among
        places, scores = self.base.search(query, count=count, among=among.base)
        hits = _hits(self.base.segments, places, scores)
        if len(self.added.ids):
            places, scores = nearest_rows(query, self.added.vectors, count=count, among=among.added)
            hits += _hits(self.added, places, scores)
            hits.sort(key=lambda hit: -hit.score)
        return hits[:count]

    def search_contents(
        self, query: NDArray[np.float32], *, count: int, among: Chosen | None = None
    ) -> list[Hit]:
        """The best hit of each of the ``count`` best contents, best first, and of all that tie with the last one;
        fewer only where there are fewer. Of equal hits of a content it is the earliest.
        """
        asked = 2 * count + 20
        while True:
            hits = self.search(query, count=asked, among=among)
            best: dict[int, Hit] = {}
            for hit in hits:
                held = best.setdefault(hit.content_id, hit)
                if held.score == hit.score and hit.segment_id < held.segment_id:
                    best[hit.content_id] = hit
            found = list(best.values())
            is_all = len(hits) < asked
            if is_all or (len(found) >= count and hits[-1].score < found[count - 1].score):
                last = found[min(count, len(found)) - 1].score if found else 0.0
                return [hit for hit in found if hit.score >= last]
            asked *= 4

    def search_tied(
        self, query: NDArray[np.float32], *, count: int, among: Chosen | None = None
    ) -> list[Hit]:
        """The ``count`` best hits, best first, and all that tie with the last one."""
        asked = count + 10
        while True:
            hits = self.search(query, count=asked, among=among)
            if len(hits) < asked or hits[-1].score < hits[count - 1].score:
                return [hit for hit in hits if hit.score >= hits[min(count, len(hits)) - 1].score]
            asked *= 4

    def content_means(self, among: Chosen, *, most: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Contents of the chosen segments, ascending, and the mean vector of each, normalised; of more than ``most``
        contents a sample, the same every time."""
        rows = np.arange(len(self.base)) if among.base is None else among.base.positions
        added = np.arange(len(self.added.ids)) if among.added is None else among.added
        owners = np.concatenate([self.base.content_ids[rows], self.added.content_ids[added]])
        contents = np.unique(owners)
        if len(contents) > most:
            contents = np.sort(np.random.default_rng(0).choice(contents, most, replace=False))
        held = np.isin(owners, contents)
        of_base, of_added = held[: len(rows)], held[len(rows) :]
        vectors = np.concatenate([self.base.vectors[rows[of_base]], self.added.vectors[added[of_added]]])
        places = np.searchsorted(contents, owners[held])
        means = np.zeros((len(contents), self.base.about.dim), np.float32)
        np.add.at(means, places, vectors)
        return contents, means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)

    def of_same_contents(self, segment_ids: Sequence[int], *, most: int) -> list[RowsOfSegments]:
        """For each of these segments, the rows that are of one content with it, which lie beside each other, for they
        are written together; fewer around it where all of them would be more than ``most``.

        What is in the index comes first, then what was added; ids that are in neither are left out.
        """
        held: list[RowsOfSegments] = []
        for part in (self.base.segments, self.added):
            rows_of: dict[int, range] = {}
            for segment_id, place in zip(
                segment_ids, np.searchsorted(part.ids, segment_ids).tolist(), strict=True
            ):
                if place < len(part.ids) and part.ids.item(place) == segment_id:
                    rows_of[segment_id] = _run_of_equal(part.content_ids, place, most=max(1, most))
                    most -= len(rows_of[segment_id])
            held.append(RowsOfSegments(part, rows_of))
        return held


def first_snapshot(catalog: Catalog, base: VectorIndex, *, base_deletions: int) -> Snapshot:
    """The catalogue as it is now, on top of an index; ``base_deletions`` is of when that was written."""
    return _snapshot(catalog, base, base_deletions, no_segments(base.about.dim))


def next_snapshot(catalog: Catalog, old: Snapshot) -> Snapshot:
    """The catalogue as it is now, on top of the index that an older snapshot has."""
    return _snapshot(catalog, old.base, old.base_deletions, old.added)


def _snapshot(catalog: Catalog, base: VectorIndex, base_deletions: int, held: SegmentVectors) -> Snapshot:
    last_id = int(held.ids[-1]) if len(held.ids) else base.last_id
    changes = catalog.changes_since(last_id=last_id, deletions=base_deletions)
    added = SegmentVectors(
        np.concatenate([held.ids, *(part.ids for part in changes.new)]),
        np.concatenate([held.content_ids, *(part.content_ids for part in changes.new)]),
        np.concatenate([held.spans_s, *(part.spans_s for part in changes.new)]),
        np.concatenate([held.vectors, *(part.vectors for part in changes.new)]),
    )
    gone = 0
    unfit = _positions(base.ids, changes.hidden_ids)
    if changes.all_ids is not None:
        absent = np.setdiff1d(base.ids, changes.all_ids, assume_unique=True)
        gone = len(absent)
        unfit = np.union1d(unfit, _positions(base.ids, absent))
        added = added[np.isin(added.ids, changes.all_ids, assume_unique=True)]
    hidden = _positions(added.ids, changes.hidden_ids)
    return Snapshot(
        generation=changes.state.generation,
        deletions=changes.state.deletions,
        base=base,
        base_deletions=base_deletions,
        added=added,
        everything=Chosen(
            Allowed.of(_without(unfit, len(base)), rows=len(base)) if len(unfit) else None,
            _without(hidden, len(added.ids)) if len(hidden) else None,
        ),
        gone=gone,
    )


def _positions(sorted_ids: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where those of ``ids`` that are among ``sorted_ids`` stand there, ascending."""
    places = np.searchsorted(sorted_ids, ids)
    places, ids = places[places < len(sorted_ids)], ids[places < len(sorted_ids)]
    return places[sorted_ids[places] == ids]


def _without(places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.setdiff1d(np.arange(count), places, assume_unique=True)


def _hits(segments: SegmentVectors, places: NDArray[np.int64], scores: NDArray[np.float32]) -> list[Hit]:
    starts, ends = segments.spans_s[places].T.tolist()
    ids, contents = segments.ids[places].tolist(), segments.content_ids[places].tolist()
    return list(map(Hit, ids, scores.tolist(), contents, starts, ends))


def _run_of_equal(values: NDArray[np.int64], place: int, *, most: int) -> range:
    """The run of equal values around a place, up to ``most`` to either side. Looks no further than a few times as far
    as it lasts: most are short, and an index has millions."""
    reach = 32
    own = values.item(place)
    while True:
        first, last = max(0, place - reach), min(len(values), place + reach + 1)
        around = values[first:last].tolist()
        start, end = place - first, place - first + 1
        while start > 0 and around[start - 1] == own:
            start -= 1
        while end < len(around) and around[end] == own:
            end += 1
        is_whole = (start > 0 or first == 0) and (end < len(around) or last == len(values))
        if is_whole or reach >= most:
            return range(first + start, first + end)
        reach *= 4
