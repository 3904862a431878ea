"""``sonoglot evaluate``: what a model retrieves, on a manifest and queries.

Each part of the result is there only where the data allow it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.audio import open_audio
from indexer.errors import DecodeError
from indexer.windows import cut_windows
from model.retrieval_model import RetrievalModel
from training.diagnosis import blind_pictures, uncovered_languages, weak_alignment
from training.errors import DataError
from training.manifest import ManifestEntry
from training.metrics import ClipVectors, QueryFigures
from training.query_files import Query
from training.ranking import (
    BothWays,
    answerable,
    embed_languages,
    rank_captions,
    rank_classes,
    rank_languages,
    rank_pictures,
)

BATCH_WINDOWS = 32


def evaluate(
    model: RetrievalModel,
    entries: Sequence[ManifestEntry],
    queries: Sequence[Query],
    *,
    on_progress: Callable[[int], None],
) -> dict:
    """Embed the clips and return all figures that the data allow, and what they are a sign of (``diagnosis``).

    Raises DataError if no clip can be read.
    """
    clips, used, failed = embed_clips(model, entries, on_progress=on_progress)
    captions, classes = rank_captions(model, clips, used), rank_classes(model, clips, used)
    asked = answerable(queries, used)
    languages = rank_languages(embed_languages(model, asked), clips, used)
    pictures = rank_pictures(model, clips, used, asked)

    result: dict = {"model": str(model.space), "clips": len(used), "failed": failed}
    if captions:
        result |= {
            "text_to_audio": captions.to_clips.summary(),
            "audio_to_text": captions.to_queries.summary(),
        }
    if classes:
        result["classes"] = _class_figures(classes)
    if len(asked) < len(queries):
        result["queries_without_answer"] = len(queries) - len(asked)
    if languages:
        result["languages"] = _language_figures(languages)
    if pictures:
        result["image_to_audio"] = _picture_figures(pictures.to_clips)
    result["diagnosis"] = [
        *(weak_alignment(captions) if captions else []),
        *uncovered_languages(languages),
        *(blind_pictures(text=classes.to_clips, pictures=pictures.to_clips) if classes and pictures else []),
    ]
    return result


def embed_clips(
    model: RetrievalModel, entries: Sequence[ManifestEntry], *, on_progress: Callable[[int], None]
) -> tuple[ClipVectors, list[ManifestEntry], list[dict[str, str]]]:
    """Return the clips' segments, the entries that could be read, and the others with their reasons."""
    vectors, starts, used, failed = [], [], [], []
    rows = 0
    for done, entry in enumerate(entries, start=1):
        try:
            windows = windows_of(entry.audio, model)
        except DecodeError as error:
            failed.append({"audio": str(entry.audio), "reason": str(error)})
            continue
        finally:
            on_progress(done)
        parts = [
            model.embed_audio(windows[i : i + BATCH_WINDOWS]) for i in range(0, len(windows), BATCH_WINDOWS)
        ]
        vectors += parts
        starts.append(rows)
        rows += len(windows)
        used.append(entry)
    if not used:
        reason = failed[0]["reason"] if failed else "the manifest is empty"
        raise DataError(f"none of {len(entries)} clips can be read: {reason}")
    return ClipVectors(np.concatenate(vectors), np.array(starts)), used, failed


def windows_of(path: Path, model: RetrievalModel) -> NDArray[np.float32]:
    """Decode a clip as the indexer does, (windows, window_samples). Raises DecodeError."""
    hop = round(model.hop_s * model.sample_rate_hz)
    with open_audio(path, sample_rate_hz=model.sample_rate_hz) as stream:
        return np.stack([w.samples for w in cut_windows(stream, window=model.window_samples, hop=hop)])


def _class_figures(classes: BothWays) -> dict:
    """mAP of the class names, and zero-shot accuracy: whether a clip's nearest class name is its own."""
    precision = classes.to_clips.average_precision.round(4).tolist()
    return {
        "map": classes.to_clips.map,
        "zero_shot_accuracy": classes.to_queries.recall_at(1),
        "by_class": dict(zip(classes.queries, precision, strict=True)),
    }


def _language_figures(languages: Mapping[str, QueryFigures]) -> dict[str, dict[str, float | int | None]]:
    english = languages["en"].map if "en" in languages else 0.0
    return {
        lang: {
            "map": figures.map,
            "r1": figures.recall_at(1),
            "queries": len(figures),
            "share_of_english": figures.map / english if english else None,
        }
        for lang, figures in languages.items()
    }


def _picture_figures(figures: QueryFigures) -> dict:
    return {
        "map": figures.map,
        "r1": figures.recall_at(1),
        "chance": float((figures.right / figures.candidates).mean()),
        "queries": len(figures),
    }
