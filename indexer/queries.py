"""Turns what a user asks with into a query vector: text, a picture, or another sound."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.audio import open_audio
from indexer.errors import DecodeError, DecodeReason, InvalidQueryError
from indexer.windows import cut_windows
from model.images import load_image
from model.limits import check_query_text

if TYPE_CHECKING:
    from model.retrieval_model import RetrievalModel

MAX_QUERY_AUDIO_S = 600.0
"""Longest sound that may be asked with, in seconds."""

LEADS_AWAY = -0.5
"""Weight of a part that is not wanted: as strong as the wanted one, it would leave little of what both have."""

_BATCH_WINDOWS = 16


def text_vector(model: "RetrievalModel", text: str) -> NDArray[np.float32]:
    """Embed a text query; InvalidTextError if it is empty or too long. Shape (D,)."""
    return model.embed_texts([check_query_text(text)])[0]


def image_vector(model: "RetrievalModel", source: Path | bytes) -> NDArray[np.float32]:
    """Embed a picture, given as a path or as a file's content; UnreadableImageError if it is none. Shape
    (D,)."""
    return model.embed_images([load_image(source)])[0]


def audio_vector(model: "RetrievalModel", source: Path | bytes) -> NDArray[np.float32]:
    """Embed a sound, given as a path or as a file's content: the mean over its windows, normalised. Shape
    (D,).

    Raises:
        DecodeError: it cannot be decoded, or is longer than ``MAX_QUERY_AUDIO_S``.
    """
    with open_audio(source, sample_rate_hz=model.sample_rate_hz, max_duration_s=MAX_QUERY_AUDIO_S) as stream:
        return _mean_vector(model, stream)


def region_vector(model: "RetrievalModel", path: Path, region_s: tuple[float, float]) -> NDArray[np.float32]:
    """Embed what lies between two times of a sound file, in seconds, as if it were all there is. Shape (D,).

    Raises:
        InvalidQueryError: the region is longer than ``MAX_QUERY_AUDIO_S``, or the sound ends before it begins.
        DecodeError: the file cannot be decoded.
    """
    start_s, end_s = region_s
    if end_s - start_s > MAX_QUERY_AUDIO_S:
        raise InvalidQueryError(f"A region lasts at most {MAX_QUERY_AUDIO_S:g} s; ask with the whole clip.")
    rate = model.sample_rate_hz
    first, end = round(start_s * rate), max(round(start_s * rate) + 1, round(end_s * rate))
    with open_audio(path, sample_rate_hz=rate) as stream:
        region = list(_cut(stream, first, end))
    if not region:
        raise InvalidQueryError(f"The sound ends before {start_s:g} s.")
    return _mean_vector(model, region)


def _cut(blocks: Iterable[NDArray[np.float32]], first: int, end: int) -> Iterator[NDArray[np.float32]]:
    position = 0
    for block in blocks:
        part = block[max(0, first - position) : max(0, end - position)]
        position += len(block)
        if len(part):
            yield part
        if position >= end:
            return


def _mean_vector(model: "RetrievalModel", blocks: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    hop = max(1, round(model.hop_s * model.sample_rate_hz))
    windows = np.stack([item.samples for item in cut_windows(blocks, window=model.window_samples, hop=hop)])
    parts = [
        model.embed_audio(windows[start : start + _BATCH_WINDOWS])
        for start in range(0, len(windows), _BATCH_WINDOWS)
    ]
    mean = np.concatenate(parts).mean(axis=0)
    norm = float(np.linalg.norm(mean))
    if not np.isfinite(norm) or norm == 0:
        raise DecodeError(
            DecodeReason.NOT_EMBEDDABLE, "The sound cannot be embedded: the model gives no vector for it."
        )
    return (mean / norm).astype(np.float32)


def mixed_vector(parts: Sequence[tuple[NDArray[np.float32], float]]) -> NDArray[np.float32]:
    """One question of several: the weighted sum of unit vectors, normalised, shape (D,). A negative weight leads
    away ("rain, not thunder").

    Raises:
        InvalidQueryError: there is no part, no weight is above zero, one is not finite, or the parts cancel out.
    """
    weights = np.array([weight for _, weight in parts], np.float64)
    if not parts or not np.isfinite(weights).all() or weights.max() <= 0:
        raise InvalidQueryError(
            "A question needs at least one part with a weight above zero, and finite weights."
        )
    total = (np.stack([vector for vector, _ in parts]) * weights[:, None]).sum(axis=0)
    norm = float(np.linalg.norm(total))
    if norm < 1e-3 * np.abs(weights).sum():
        raise InvalidQueryError(
            "The parts of the question cancel each other out: nothing is left to look for."
        )
    return (total / norm).astype(np.float32)
