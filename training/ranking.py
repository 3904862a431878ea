"""What is ranked when a model is measured: clips for captions, class names, queries and pictures, and the reverse."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.images import load_image
from model.retrieval_model import RetrievalModel
from training.manifest import ManifestEntry
from training.metrics import ClipVectors, QueryFigures, rank_clips, rank_texts
from training.query_files import Query


@dataclass(frozen=True, kw_only=True)
class BothWays:
    """Queries that rank the clips, and clips that rank the queries; ``queries`` names them, in order."""

    queries: list[str]
    to_clips: QueryFigures
    to_queries: QueryFigures


def rank_both_ways(
    vectors_qd: NDArray[np.float32],
    keys: Sequence[str],
    clips: ClipVectors,
    keys_of: Sequence[Sequence[str]],
) -> BothWays:
    """Rank the clips for each query, (Q, D), and the queries for each clip.

    Query q and a clip answer each other if ``keys[q]`` is among the clip's own keys, ``keys_of``. Every query must have
    a clip; clips without a query are ranked, but do not ask.
    """
    clips_of, queries_of = _rows_by_key(keys_of), _rows_by_key([[key] for key in keys])
    right = [[row for key in own for row in queries_of.get(key, ())] for own in keys_of]
    asking = [row for row, rows in enumerate(right) if rows]
    return BothWays(
        queries=list(keys),
        to_clips=rank_clips(vectors_qd, clips, [np.array(clips_of[key]) for key in keys]),
        to_queries=rank_texts(clips.select(asking), vectors_qd, [np.array(right[row]) for row in asking]),
    )


def rank_captions(
    model: RetrievalModel, clips: ClipVectors, entries: Sequence[ManifestEntry]
) -> BothWays | None:
    """Captions and clips both ways; clips that share a caption all answer it. None without captions."""
    captions = list(dict.fromkeys(caption for entry in entries for caption in entry.captions))
    if not captions:
        return None
    return rank_both_ways(model.embed_texts(captions), captions, clips, [entry.captions for entry in entries])


def rank_classes(
    model: RetrievalModel, clips: ClipVectors, entries: Sequence[ManifestEntry]
) -> BothWays | None:
    """Class names and labelled clips both ways. None without labels."""
    labels = labels_of(entries)
    if not labels:
        return None
    vectors = model.embed_texts([class_name(label) for label in labels])
    return rank_both_ways(vectors, labels, clips, label_keys(entries))


def answerable(queries: Sequence[Query], entries: Sequence[ManifestEntry]) -> list[Query]:
    """Return the queries whose label a clip has."""
    labels = set(labels_of(entries))
    return [query for query in queries if query.label in labels]


@dataclass(frozen=True, kw_only=True)
class LanguageQueries:
    """The text queries of one language, and their vectors, (Q, D)."""

    queries: list[Query]
    vectors: NDArray[np.float32]


def embed_languages(model: RetrievalModel, queries: Sequence[Query]) -> dict[str, LanguageQueries]:
    """Embed the text queries, language by language, in the order in which the languages appear."""
    texts = [(query.lang, query.text, query) for query in queries if query.text is not None]
    embedded = {}
    for lang in dict.fromkeys(lang for lang, _, _ in texts):
        own = [(text, query) for of, text, query in texts if of == lang]
        vectors = model.embed_texts([text for text, _ in own])
        embedded[lang] = LanguageQueries(queries=[query for _, query in own], vectors=vectors)
    return embedded


def rank_languages(
    languages: Mapping[str, LanguageQueries], clips: ClipVectors, entries: Sequence[ManifestEntry]
) -> dict[str, QueryFigures]:
    """Rank the clips for the queries of each language; every query must be answerable."""
    clips_of = _rows_by_key(label_keys(entries))
    return {
        lang: rank_clips(own.vectors, clips, [np.array(clips_of[query.label]) for query in own.queries])
        for lang, own in languages.items()
    }


def rank_pictures(
    model: RetrievalModel, clips: ClipVectors, entries: Sequence[ManifestEntry], queries: Sequence[Query]
) -> BothWays | None:
    """Pictures and clips of the same label both ways. None without a picture; every query must be answerable."""
    labels, vectors = embed_pictures(model, queries)
    return rank_both_ways(vectors, labels, clips, label_keys(entries)) if labels else None


def embed_pictures(model: RetrievalModel, queries: Sequence[Query]) -> tuple[list[str], NDArray[np.float32]]:
    """Return the labels of the queries that are pictures, and the pictures' vectors, (Q, D)."""
    pictures = [(query.label, query.image) for query in queries if query.image]
    parts = [model.embed_images([load_image(image)]) for _, image in pictures]
    return [label for label, _ in pictures], np.concatenate(
        [np.empty((0, model.space.dim), np.float32), *parts]
    )


def labels_of(entries: Sequence[ManifestEntry]) -> list[str]:
    """Return all labels, sorted."""
    return sorted({entry.label for entry in entries if entry.label})


def label_keys(entries: Sequence[ManifestEntry]) -> list[list[str]]:
    """Return each clip's label as ``rank_both_ways`` wants it."""
    return [[entry.label] if entry.label else [] for entry in entries]


def class_name(label: str) -> str:
    """Return a label as words."""
    return label.replace("_", " ").strip()


def _rows_by_key(keys_of: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, keys in enumerate(keys_of):
        for key in dict.fromkeys(keys):
            rows[key].append(row)
    return rows
