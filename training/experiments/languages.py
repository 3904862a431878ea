"""Retrieval per language beside the anchor's own coverage of the language (CACARA leaves the comparison open).

Audio is aligned to English alone, so another language can only be found as far as the anchor's text tower brings it to
where English is. That is measured without any sound: a query's right answer is the English query of its label, among
all English queries of the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.diagnosis import is_near_zero, uncovered_languages
from training.errors import DataError
from training.experiments.measured import Measured
from training.experiments.table import Table
from training.metrics import ClipVectors, QueryFigures, rank_clips, rank_correlation
from training.query_files import Query
from training.ranking import LanguageQueries, answerable, embed_languages, rank_languages

ENGLISH = "en"
COLUMNS = {
    "lang": "language",
    "queries": "queries",
    "r1": "R@1",
    "r10": "R@10",
    "map": "retrieval mAP",
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


def anchor_coverage(embedded: Mapping[str, LanguageQueries]) -> dict[str, Coverage]:
    """Return the anchor's coverage of each language but English; queries without a counterpart are left out.

    Raises:
        DataError: there is no English query to be brought to.
    """
    if ENGLISH not in embedded:
        raise DataError(
            "the queries hold no English text (lang 'en'), so other languages have no counterpart"
        )
    english = embedded[ENGLISH]
    counterparts = ClipVectors(english.vectors, np.arange(len(english.queries)))
    labels = [query.label for query in english.queries]
    right_of = {label: np.flatnonzero([own == label for own in labels]) for label in set(labels)}
    said = {(query.label, query.text) for query in english.queries}
    covered = {}
    for lang, own in embedded.items():
        rows = [row for row, query in enumerate(own.queries) if query.label in right_of]
        if lang == ENGLISH or not rows:
            continue
        queries = [own.queries[row] for row in rows]
        covered[lang] = Coverage(
            figures=rank_clips(own.vectors[rows], counterparts, [right_of[query.label] for query in queries]),
            same_as_english=float(np.mean([(query.label, query.text) in said for query in queries])),
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
    embedded = embed_languages(measured.model, asked)
    coverage = anchor_coverage(embedded)
    ranked = rank_languages(embedded, measured.clips, measured.entries)
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
        chance = np.mean([coverage[lang].figures.chance_map for lang in at_chance])
        notes.append(
            f"Coverage mAP of the languages near chance is {means[0]:.3f} on average (a random order: {chance:.3f}), "
            f"of all {means[1]:.3f}."
        )
    return notes
