"""Lays a library out in two dimensions, so that what sounds alike lies together: a map to wander in.

t-SNE (van der Maaten and Hinton, 2008) by scikit-learn, from the cosines of clips' mean vectors. It takes seconds for
some thousand clips and far longer for more, so of a large library a sample is laid out: the same one every time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.records import FoundClip, SearchFilter
from indexer.snapshot import Snapshot
from indexer.store import Store

MOST_CLIPS = 3000
"""What is laid out in some seconds, and still can be told apart on a screen."""

_PERPLEXITY = 30.0
_LEAST_FOR_NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True)
class LaidOutClip:
    """A clip and its place, from 0 to 1 each way."""

    clip: FoundClip
    x: float
    y: float


def lay_out(store: Store, snapshot: Snapshot, library: str, *, most: int = MOST_CLIPS) -> list[LaidOutClip]:
    """Places for the clips of a library, or for ``most`` of its contents; the same for the same snapshot.

    Raises LibraryNotFoundError.
    """
    filter = SearchFilter(library=library)
    content_ids, vectors = snapshot.content_means(store.passing(snapshot, filter), most=most)
    places = _places(vectors)
    clips = store.catalog.found_clips_of(content_ids.tolist(), filter=filter, most_each=1)
    return [
        LaidOutClip(clip=clip, x=round(float(x), 4), y=round(float(y), 4))
        for content_id, (x, y) in zip(content_ids.tolist(), places, strict=True)
        for clip in clips.get(content_id, ())
    ]


def _places(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Places for unit vectors (N, D), shape (N, 2), from 0 to 1."""
    if len(vectors) < _LEAST_FOR_NEIGHBOURS:  # in a row: there is nothing to learn from so few
        row = np.linspace(0, 1, len(vectors) + 2)[1:-1]
        return np.stack([row, np.full(len(vectors), 0.5)], axis=1)
    from sklearn.manifold import TSNE  # takes a second to import, and few ask for a map

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    # Among unit vectors, Euclidean distance orders as the cosine does, and scikit-learn finds neighbours by it faster.
    places = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(vectors).astype(np.float64)
    low, high = places.min(axis=0), places.max(axis=0)
    return (places - low) / np.maximum(high - low, 1e-9)
