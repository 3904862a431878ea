"""Tags for sounds that nobody has described: what the tagger hears in each, as a manifest wants it.

Machine captions are made from them (``training.captions``). A class's score is its mean over the tagger's frames.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from indexer.audio import decode_audio
from indexer.errors import DecodeError
from training.tagger import SAMPLE_RATE_HZ, Tagger

SHORTEST_S, LONGEST_S = 0.3, 40.0  # a click names nothing, and the mean of a long recording no part of it
KEPT_TAGS = 10
MIN_SCORE = 0.01


def tag_clips(
    paths: Iterable[Path], tagger: Tagger, *, on_clip: Callable[[], None]
) -> tuple[dict[Path, list[tuple[str, float]]], dict[Path, str]]:
    """Return the tags of each clip, highest score first, and the clips that were left out, with the reason."""
    tags, left_out = {}, {}
    for path in paths:
        try:
            samples = decode_audio(path, sample_rate_hz=SAMPLE_RATE_HZ)
            seconds = len(samples) / SAMPLE_RATE_HZ
            if SHORTEST_S <= seconds <= LONGEST_S:
                tags[path] = _highest(tagger, tagger.scores(samples))
            else:
                left_out[path] = f"{seconds:.1f} s long; {SHORTEST_S} to {LONGEST_S:.0f} s are tagged"
        except DecodeError as error:
            left_out[path] = str(error)
        on_clip()
    return tags, left_out


def _highest(tagger: Tagger, scores: np.ndarray) -> list[tuple[str, float]]:
    order = np.argsort(-scores, kind="stable")[:KEPT_TAGS]
    return [(tagger.classes[row], round(float(scores[row]), 4)) for row in order if scores[row] >= MIN_SCORE]
