"""Which pairs of parallel text a batch is made of: small languages and lists of names weigh more than their size."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.parallel_sources.text_pair import TextPair

LANGUAGE_POWER = 0.55  # a language is drawn by its number of pairs to this power
SOURCE_WEIGHTS = {  # of a pair: lists of everyday things above sentences of a program's pages
    "freedict": 1.0,
    "cldr": 1.2,
    "cldr-keywords": 0.25,
    "osm-presets": 0.6,
    "tuxpaint": 1.0,
    "gcompris": 2.0,
    "home-assistant": 0.2,
    "cedict": 1.0,
    "audiocaps": 0.5,
}


class PairSampler:
    """Draws rows of ``pairs`` with replacement."""

    def __init__(self, pairs: Sequence[TextPair]) -> None:
        sizes = Counter(pair.lang for pair in pairs)
        weights = [SOURCE_WEIGHTS.get(p.source, 1.0) * sizes[p.lang] ** (LANGUAGE_POWER - 1) for p in pairs]
        self._bounds = np.cumsum(weights)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Return ``count`` rows."""
        return np.searchsorted(self._bounds, rng.random(count) * self._bounds[-1], side="right")
