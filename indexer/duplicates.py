"""Finds sounds that a library has more than once: exact copies, and the same recording in another form.

Clips with the same decoded samples share one content already. Others are compared by the vectors at hand, and must last
nearly as long: a recording at another level, in another format or at another rate, or a little trimmed. A part of a
longer recording is none, nor is another take. Which threshold finds how much is measured by benchmarks/duplicates.py.
Nothing is ever deleted here.
"""

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import Catalog
from indexer.content_vectors import ContentVectors, shared_contents, write_content_vectors
from indexer.errors import InvalidQueryError
from indexer.neighbours import close_pairs
from indexer.records import Clip, SearchFilter

THRESHOLD = 0.97
_LOSSLESS = {".wav", ".wave", ".flac", ".aif", ".aiff", ".aifc", ".w64", ".au", ".caf", ".ape", ".wv", ".tta"}
_TRIMMED_SHARE = 0.1
_TRIMMED_S = 0.25
_SAME_LENGTH_SHARE = 0.01
_SAME_LENGTH_S = 0.1
_CLIPS_OF_A_CONTENT = 100_000


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """A clip that another stands for: ``likeness`` is their cosine, 1 of an exact copy (``is_exact``)."""

    clip: Clip
    likeness: float
    is_exact: bool


@dataclass(frozen=True, kw_only=True)
class DuplicateGroup:
    """Clips of one recording: the one to ``keep``, and the others, the most alike first.

    ``freed_bytes``: what the others take on the disk, without files that are another name of one that is kept.
    """

    keep: Clip
    others: tuple[Duplicate, ...]
    freed_bytes: int


def find_duplicates(
    catalog: Catalog, *, library: str | None = None, threshold: float = THRESHOLD
) -> list[DuplicateGroup]:
    """Groups of a library, or of all, those that would free most first.

    Clips are in one group if a chain of pairs, each with a cosine of at least ``threshold`` and of nearly the same
    length, leads from one to the other. Kept is one that is nearly as long as the longest, and of those a lossless
    file, of the highest rate, the largest.

    Raises:
        InvalidQueryError: the threshold is not between 0 and 1.
        LibraryNotFoundError: there is no such library.
    """
    if not 0 < threshold <= 1:
        raise InvalidQueryError(f"The threshold must be above 0 and at most 1, not {threshold:g}.")
    if library is not None:
        catalog.library(library)
    filter = SearchFilter(library=library)
    with tempfile.TemporaryDirectory(prefix="sonoglot-") as folder:
        contents = write_content_vectors(catalog, filter, Path(folder) / "vectors")
        members = _connected(len(contents), _pairs(contents, threshold))
        shared = np.searchsorted(contents.ids, shared_contents(catalog, filter))
        rows = [*members, *([row] for row in set(shared.tolist()).difference(*members))]
        groups = [_group(catalog, filter, contents, of_group) for of_group in rows]
        del contents  # Its file is mapped, and goes now.
    found = [group for group in groups if group is not None]
    return sorted(found, key=lambda group: (-group.freed_bytes, os.fsencode(group.keep.path)))


def last_alike(first_s: NDArray[np.float64], second_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether sounds of these lengths may be the same recording, a little trimmed."""
    allowed = np.maximum(_TRIMMED_S, _TRIMMED_SHARE * np.maximum(first_s, second_s))
    return np.abs(first_s - second_s) <= allowed


def _pairs(contents: ContentVectors, threshold: float) -> Iterable[NDArray[np.int64]]:
    for pairs in close_pairs(contents.vectors, threshold=threshold):
        lengths_s = contents.durations_s[pairs]
        yield pairs[last_alike(lengths_s[:, 0], lengths_s[:, 1])]


def _connected(count: int, pairs: Iterable[NDArray[np.int64]]) -> list[list[int]]:
    """Components of more than one row, by union and find."""
    above = np.arange(count)

    def root(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]
            row = int(above[row])
        return row

    for part in pairs:
        for first, second in part.tolist():
            above[root(first)] = root(second)
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(_is_in_a_pair(above)).tolist():
        members.setdefault(root(row), []).append(row)
    return list(members.values())


def _is_in_a_pair(above: NDArray[np.int64]) -> NDArray[np.bool_]:
    moved = above != np.arange(len(above))
    moved[above[moved]] = True
    return moved


def _group(
    catalog: Catalog, filter: SearchFilter, contents: ContentVectors, rows: Sequence[int]
) -> DuplicateGroup | None:
    row_of = {int(contents.ids[row]): row for row in rows}
    held = catalog.clips_of(list(row_of), filter=filter, most_each=_CLIPS_OF_A_CONTENT)
    by_path = {clip.path: clip for clips in held.values() for clip in clips}
    if len(by_path) < 2:
        return None  # The same file in two libraries.
    clips = list(by_path.values())
    longest_s = max(clip.duration_s for clip in clips)
    least_s = longest_s - max(_SAME_LENGTH_S, _SAME_LENGTH_SHARE * longest_s)
    keep = min(clips, key=lambda clip: _rank(clip, least_s))
    assert keep.content_id is not None
    kept = contents.vectors[row_of[keep.content_id]]
    others: list[Duplicate] = []
    for clip in clips:
        if clip is not keep:
            assert clip.content_id is not None
            is_exact = clip.content_id == keep.content_id
            likeness = 1.0 if is_exact else float(contents.vectors[row_of[clip.content_id]] @ kept)
            others.append(Duplicate(clip=clip, likeness=min(likeness, 1.0), is_exact=is_exact))
    others.sort(key=lambda item: (not item.is_exact, -item.likeness, os.fsencode(item.clip.path)))
    freed_bytes = _freed_bytes(keep, [item.clip for item in others])
    return DuplicateGroup(keep=keep, others=tuple(others), freed_bytes=freed_bytes)


def _rank(clip: Clip, least_s: float) -> tuple[bool, bool, int, int, bytes]:
    """What is kept comes first. Some formats add a few milliseconds, so a little less counts as long."""
    is_lossy = clip.path.suffix.lower() not in _LOSSLESS
    is_short = clip.duration_s < least_s
    return is_short, is_lossy, -clip.source_rate_hz, -clip.size_bytes, os.fsencode(clip.path)


def _freed_bytes(keep: Clip, others: Iterable[Clip]) -> int:
    """Links to one file count once, and not at all if it is kept."""
    counted, freed = {_identity(keep)}, 0
    for clip in others:
        identity = _identity(clip)
        if identity not in counted:
            counted.add(identity)
            freed += clip.size_bytes
    return freed


def _identity(clip: Clip) -> object:
    try:
        info = os.stat(clip.path)
    except OSError:
        return clip.path
    return info.st_dev, info.st_ino
