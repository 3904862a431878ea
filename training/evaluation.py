"""``sonoglot evaluate``: what a model retrieves, on a manifest and queries.

Queries are JSON lines, ``{"text": ..., "lang": "sw", "label": "dog"}`` or ``{"image": PATH, "label": ...}``; every clip
with that label is an answer. Each part of the result is there only where the data allow it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.audio import open_audio
from indexer.errors import DecodeError
from indexer.windows import cut_windows
from model.images import load_image
from model.retrieval_model import RetrievalModel
from training.errors import DataError, ManifestError
from training.json_lines import read_json_lines
from training.manifest import ManifestEntry
from training.metrics import ClipVectors, rank_clips, rank_texts

BATCH_WINDOWS = 32


@dataclass(frozen=True, kw_only=True)
class Query:
    """A text or a picture, and the label of the clips that answer it."""

    label: str
    text: str | None = None
    lang: str = "en"
    image: Path | None = None


def read_queries(path: Path) -> list[Query]:
    """Read a query file; image paths are relative to it. Raises ManifestError that names the line."""
    queries = []
    for number, fields in read_json_lines(path):
        text, image, label = fields.get("text"), fields.get("image"), fields.get("label")
        if not isinstance(label, str) or (text is None) == (image is None):
            raise ManifestError(
                f"{path}, line {number}: a query has a 'label' and either a 'text' or an 'image'"
            )
        queries.append(
            Query(
                label=label,
                text=text,
                lang=fields.get("lang", "en"),
                image=(path.parent / image).resolve() if image else None,
            )
        )
    return queries


def evaluate(
    model: RetrievalModel,
    entries: Sequence[ManifestEntry],
    queries: Sequence[Query],
    *,
    on_progress: Callable[[int], None],
) -> dict:
    """Embed the clips and return all figures that the data allow. Raises DataError if no clip can be read."""
    clips, used, failed = embed_clips(model, entries, on_progress=on_progress)
    result: dict = {"model": str(model.space), "clips": len(used), "failed": failed}
    result |= caption_figures(model, clips, used)
    result |= class_figures(model, clips, used)
    result |= query_figures(model, clips, used, queries)
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


def caption_figures(model: RetrievalModel, clips: ClipVectors, entries: Sequence[ManifestEntry]) -> dict:
    """Text-to-audio and audio-to-text over the clips' captions; clips that share a caption all answer it."""
    by_caption: dict[str, list[int]] = defaultdict(list)
    for row, entry in enumerate(entries):
        for caption in entry.captions:
            by_caption[caption].append(row)
    if not by_caption:
        return {}
    captions = list(by_caption)
    vectors = model.embed_texts(captions)
    to_audio = rank_clips(vectors, clips, [np.array(rows) for rows in by_caption.values()])
    captioned = [row for row, entry in enumerate(entries) if entry.captions]
    row_of = {caption: row for row, caption in enumerate(captions)}
    right = [np.array([row_of[caption] for caption in entries[row].captions]) for row in captioned]
    to_text = rank_texts(_select(clips, captioned), vectors, right)
    return {"text_to_audio": to_audio.summary(), "audio_to_text": to_text.summary()}


def class_figures(model: RetrievalModel, clips: ClipVectors, entries: Sequence[ManifestEntry]) -> dict:
    """mAP of the class names, and zero-shot accuracy: whether a clip's nearest class name is its own."""
    labels = sorted({entry.label for entry in entries if entry.label})
    if not labels:
        return {}
    names = model.embed_texts([class_name(label) for label in labels])
    right = [_rows_of(label, entries) for label in labels]
    figures = rank_clips(names, clips, right)
    labelled = [row for row, entry in enumerate(entries) if entry.label]
    row_of = {label: row for row, label in enumerate(labels)}
    nearest = rank_texts(
        _select(clips, labelled), names, [np.array([row_of[entries[row].label or ""]]) for row in labelled]
    )
    by_class = dict(zip(labels, figures.average_precision.round(4).tolist(), strict=True))
    return {
        "classes": {
            "map": float(figures.average_precision.mean()),
            "zero_shot_accuracy": nearest.recall_at(1),
            "by_class": by_class,
        }
    }


def query_figures(
    model: RetrievalModel, clips: ClipVectors, entries: Sequence[ManifestEntry], queries: Sequence[Query]
) -> dict:
    """Figures per language, and of pictures; queries whose label no clip has are counted, not scored."""
    right = {label: _rows_of(label, entries) for label in {query.label for query in queries}}
    answerable = [query for query in queries if len(right[query.label])]
    result: dict = {}
    if len(answerable) < len(queries):
        result["queries_without_answer"] = len(queries) - len(answerable)
    by_lang: dict[str, list[Query]] = defaultdict(list)
    for query in answerable:
        if query.text is not None:
            by_lang[query.lang].append(query)
    if by_lang:
        result["languages"] = _language_figures(model, clips, by_lang, right)
    pictures = [query for query in answerable if query.image]
    if pictures:
        vectors = np.concatenate([model.embed_images([load_image(q.image)]) for q in pictures if q.image])
        figures = rank_clips(vectors, clips, [right[query.label] for query in pictures])
        chance = float(np.mean([len(right[query.label]) / len(clips) for query in pictures]))
        result["image_to_audio"] = {
            "map": float(figures.average_precision.mean()),
            "r1": figures.recall_at(1),
            "chance": chance,
            "queries": len(pictures),
        }
    return result


def class_name(label: str) -> str:
    """Return a label as words."""
    return label.replace("_", " ").strip()


def _language_figures(
    model: RetrievalModel,
    clips: ClipVectors,
    by_lang: dict[str, list[Query]],
    right: dict[str, NDArray[np.int64]],
) -> dict[str, dict[str, float | int | None]]:
    result: dict[str, dict[str, float | int | None]] = {}
    for lang, queries in by_lang.items():
        vectors = model.embed_texts([query.text or "" for query in queries])
        figures = rank_clips(vectors, clips, [right[query.label] for query in queries])
        result[lang] = {
            "map": float(figures.average_precision.mean()),
            "r1": figures.recall_at(1),
            "queries": len(queries),
        }
    english = result.get("en", {}).get("map")
    for figures_of in result.values():
        own = figures_of["map"]
        figures_of["share_of_english"] = own / english if english and own is not None else None
    return result


def _rows_of(label: str, entries: Sequence[ManifestEntry]) -> NDArray[np.int64]:
    return np.array([row for row, entry in enumerate(entries) if entry.label == label], np.int64)


def _select(clips: ClipVectors, rows: Sequence[int]) -> ClipVectors:
    """Return some of the clips."""
    bounds = [*clips.starts.tolist(), len(clips.segments)]
    if len(rows) == len(clips):
        return clips
    parts = [clips.segments[bounds[row] : bounds[row + 1]] for row in rows]
    return ClipVectors(np.concatenate(parts), np.cumsum([0, *(len(part) for part in parts[:-1])]))
