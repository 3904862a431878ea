"""Holds the clips that were found lately, as of one generation of the catalogue: the same are found again and again.

A library of ten thousand clips is soon here as a whole, or from the beginning (``fill``), and a search then asks SQL
for nothing. Every change of the catalogue makes a new generation, of which nothing is held yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from indexer.catalog import Catalog
from indexer.records import FoundClip, SearchFilter
from indexer.snapshot import Snapshot

_MOST_HELD = 20_000
"""Contents and filters: some 15 MB."""

_MOST_FILLED = _MOST_HELD // 2
"""Contents looked up beforehand, in some tenths of a second."""

_FILLED_ROWS = 1_000_000
"""Segments whose contents are counted for that, in some milliseconds."""

_CLIPS_EACH = 4
"""Of a content that has as many clips or more, none are held beforehand: nearly all have one."""


@dataclass
class _Held:
    generation: int
    clips: dict[SearchFilter, dict[int, list[FoundClip]]] = field(default_factory=dict)
    count: int = 0


class FoundClips:
    """What results show of clips. Safe to use from several threads: what one of them overwrites is looked up again."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._held = _Held(generation=-1)

    def fill(self, snapshot: Snapshot) -> None:
        """Look up all clips of a snapshot beforehand, as searches without a filter ask for them; none where there are
        too many to hold."""
        if len(snapshot) > _FILLED_ROWS:
            return
        contents = np.union1d(snapshot.base.content_ids, snapshot.added.content_ids)
        if len(contents) <= _MOST_FILLED:
            self.of(
                contents.tolist(),
                generation=snapshot.generation,
                filter=SearchFilter(),
                most_each=_CLIPS_EACH,
            )

    def of(
        self, content_ids: Sequence[int], *, generation: int, filter: SearchFilter, most_each: int
    ) -> dict[int, list[FoundClip]]:
        """As ``Catalog.found_clips_of``; what was looked up for this generation is not looked up again."""
        held = self._held
        if held.generation != generation or held.count >= _MOST_HELD:
            held = self._held = _Held(generation)
        if filter not in held.clips:
            held.clips[filter] = {}
            held.count += 1  # so that no number of filters fills memory
        known = held.clips[filter]
        found = {
            content_id: known[content_id][:most_each] for content_id in content_ids if content_id in known
        }
        lacking = [content_id for content_id in content_ids if content_id not in found]
        if lacking:
            none: dict[int, list[FoundClip]] = {content_id: [] for content_id in lacking}
            looked_up = none | self._catalog.found_clips_of(lacking, filter=filter, most_each=most_each)
            # Where there are as many as were asked for, there may be more.
            whole = {content_id: clips for content_id, clips in looked_up.items() if len(clips) < most_each}
            known.update(whole)
            held.count += len(whole)
            found |= looked_up
        return found
