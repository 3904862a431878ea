"""Retrieval per language beside the anchor's own coverage of the language (CACARA leaves the comparison open).

Audio is aligned to English alone, so another language can only be found as far as the anchor's text tower brings it to
where English is. That is measured without any sound: a query's right answer is the English query of its label, among
all English queries of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.retrieval_model import RetrievalModel
from training.diagnosis import is_near_zero, uncovered_languages
from training.errors import DataError
from training.experiments.measured import Measured
from training.experiments.table import Table
from training.metrics import ClipVectors, QueryFigures, rank_clips, rank_correlation
from training.query_files import Query
from training.ranking import answerable, rank_languages

ENGLISH = "en"
COLUMNS = {
    "lang": "language",
    "queries": "queries",
    "r1": "R@1",
    "r10": "R@10",
    "map": "mAP",
    "share_of_english": "share of English",
    "coverage_r1": "coverage R@1",
    "coverage_map": "coverage mAP",
    "same_as_english": "written as in English",
}


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How well a language's texts find their English counterparts, without any sound.

    ``same_as_english`` is the share of the texts that are letter by letter an English query of their label (loan
    words, or a source that falls back to English): for these, coverage says nothing.
    """

    figures: QueryFigures
    same_as_english: float


def anchor_coverage(model: RetrievalModel, queries: Sequence[Query]) -> dict[str, Coverage]:
    """Return the anchor's coverage of each language but English.

    Raises:
        DataError: there is no English query to be brought to.
    """
    texts = [query for query in queries if query.text is not None]
    english = [query for query in texts if query.lang == ENGLISH]
    if not english:
        raise DataError(
            "the queries hold no English text (lang 'en'), so other languages have no counterpart"
        )
    counterparts = ClipVectors(model.embed_texts([q.text or "" for q in english]), np.arange(len(english)))
    rows = {
        label: np.array([row for row, query in enumerate(english) if query.label == label])
        for label in {query.label for query in english}
    }
    said = {(query.label, query.text) for query in english}
    covered = {}
    for lang in dict.fromkeys(query.lang for query in texts if query.lang != ENGLISH):
        own = [query for query in texts if query.lang == lang and query.label in rows]
        if own:
            vectors = model.embed_texts([query.text or "" for query in own])
            covered[lang] = Coverage(
                figures=rank_clips(vectors, counterparts, [rows[query.label] for query in own]),
                same_as_english=float(np.mean([(query.label, query.text) in said for query in own])),
            )
    return covered


def languages(measured: Measured, queries: Sequence[Query], *, name: str) -> Table:
    """Measure every language of one query file, ``name``, best first.

    Raises:
        DataError: no query's label has a clip, or there is no English query.
    """
    asked = [query for query in answerable(queries, measured.entries) if query.text is not None]
    if not asked:
        raise DataError(f"no text query of {name} has a clip with its label")
    coverage = anchor_coverage(measured.model, asked)
    ranked = rank_languages(measured.model, measured.clips, measured.entries, asked)
    english = ranked[ENGLISH]
    rows = [
        {
            "lang": lang,
            "queries": len(figures),
            "r1": figures.recall_at(1),
            "r10": figures.recall_at(10),
            "map": figures.map,
            "share_of_english": figures.map / english.map,
        }
        | (_coverage_columns(coverage[lang]) if lang in coverage else {})
        for lang, figures in sorted(ranked.items(), key=lambda item: -item[1].map)
    ]
    return Table(
        title=f"Languages: {name}",
        columns=COLUMNS,
        rows=rows,
        notes=[
            *measured.clip_notes(),
            *_notes(ranked, coverage),
            *uncovered_languages(ranked),
        ],
    )


def _coverage_columns(coverage: Coverage) -> dict[str, float]:
    return {
        "coverage_r1": coverage.figures.recall_at(1),
        "coverage_map": coverage.figures.map,
        "same_as_english": coverage.same_as_english,
    }


def _notes(ranked: dict[str, QueryFigures], coverage: dict[str, Coverage]) -> list[str]:
    english = ranked[ENGLISH]
    covered = [lang for lang in ranked if lang in coverage]
    notes = [
        f"A random order has R@1 {english.chance_at(1):.3f}, R@10 {english.chance_at(10):.3f}, mAP "
        f"{english.chance_map:.3f} (English queries).",
        "Coverage is the anchor's own, without sound: a text's right answer is the English query of its label, among "
        "all English queries. English has none.",
    ]
    correlation = rank_correlation(
        [coverage[lang].figures.map for lang in covered], [ranked[lang].map for lang in covered]
    )
    if correlation is not None:
        notes.append(
            f"Spearman's rank correlation of coverage and retrieval (both mAP), over {len(covered)} languages: "
            f"{correlation:.3f}. It is of these languages and these queries, and no proof of a cause."
        )
    at_chance = sorted(lang for lang in covered if is_near_zero(ranked[lang], english))
    if at_chance:
        means = [np.mean([coverage[lang].figures.map for lang in names]) for names in (at_chance, covered)]
        notes.append(
            f"Coverage mAP of the languages near chance is {means[0]:.3f} on average, of all {means[1]:.3f}."
        )
    return notes
