"""Which pairs of parallel text a batch is made of.

Small languages, lists of names, and words that people use of sounds weigh more than their number.
"""

from collections import Counter
from collections.abc import Sequence, Set

import numpy as np
from numpy.typing import NDArray

from training.parallel_sources.text_pair import TextPair

LANGUAGE_POWER = 0.55  # a language is drawn by its number of pairs to this power
AUDIBLE_WEIGHT = 3.0  # of a pair whose English is made of words that people use of sounds
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

    def __init__(self, pairs: Sequence[TextPair], *, audible: Set[str] = frozenset()) -> None:
        sizes = Counter(pair.lang for pair in pairs)
        weights = [
            SOURCE_WEIGHTS.get(pair.source, 1.0)
            * sizes[pair.lang] ** (LANGUAGE_POWER - 1)
            * (AUDIBLE_WEIGHT if pair.english in audible else 1.0)
            for pair in pairs
        ]
        self._bounds = np.cumsum(weights)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Return ``count`` rows."""
        return np.searchsorted(self._bounds, rng.random(count) * self._bounds[-1], side="right")
