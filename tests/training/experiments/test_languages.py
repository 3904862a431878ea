"""Retrieval per language and the anchor's coverage, on clips that are heard exactly as their English names."""

import pytest

from model.retrieval_model import RetrievalModel
from tests.training.experiments.helpers import Heard, clip
from training.errors import DataError
from training.experiments.languages import anchor_coverage, languages
from training.query_files import Query
from training.ranking import embed_languages

ENGLISH = [
    "dog",
    "rain",
    "cat",
    "church bells",
    "helicopter",
    "piano",
    "frog",
    "train",
    "laughing",
    "glass breaking",
]
GERMAN = [
    "Hund",
    "Regen",
    "Katze",
    "Glocken",
    "Hubschrauber",
    "Klavier",
    "Frosch",
    "Zug",
    "Lachen",
    "Glasbruch",
]


def asked(lang: str, texts: list[str]) -> list[Query]:
    return [Query(label=label, text=text, lang=lang) for label, text in zip(ENGLISH, texts, strict=True)]


# every word of "xx" is English, but for something else: as far from its label as a language can be
QUERIES = [
    *asked("en", ENGLISH),
    *asked("de", GERMAN),
    *asked("fr", ["dog", *ENGLISH[1:]]),
    *asked("xx", ENGLISH[1:] + ENGLISH[:1]),
]


def test_each_language_has_retrieval_coverage_and_its_share_of_english(heard: Heard) -> None:
    table = languages(
        heard(ENGLISH, [clip(label, label=label) for label in ENGLISH]), QUERIES, name="q.jsonl"
    )
    rows = {row["lang"]: row for row in table.rows}
    assert set(rows) == {"en", "de", "fr", "xx"}
    assert rows["en"]["map"] == pytest.approx(1)
    assert "coverage_map" not in rows["en"]
    assert rows["fr"] | {"lang": "en"} == pytest.approx(
        rows["en"] | {"coverage_r1": 1, "coverage_map": 1, "same_as_english": 1}
    )
    assert 0 < float(rows["de"]["share_of_english"] or 0) <= 1
    assert float(rows["de"]["coverage_map"] or 0) > float(rows["xx"]["coverage_map"] or 0)
    assert rows["xx"]["coverage_r1"] == 0
    assert rows["xx"]["same_as_english"] == 0


def test_notes_say_the_correlation_and_name_what_is_not_covered(heard: Heard) -> None:
    table = languages(
        heard(ENGLISH, [clip(label, label=label) for label in ENGLISH]), QUERIES, name="q.jsonl"
    )
    notes = "\n".join(table.notes)
    assert "over 3 languages: 1.000" in notes  # clips are where English texts are, so both rank alike
    assert "The anchor does not cover xx:" in notes
    assert "R@1 0.100, R@10 1.000" in notes


def test_two_english_texts_of_a_label_are_both_right(model: RetrievalModel) -> None:
    queries = [
        Query(label="dog", text="dog"),
        Query(label="dog", text="barking"),
        Query(label="cat", text="cat"),
        Query(label="dog", text="barking", lang="yy"),
        Query(label="cow", text="Kuh", lang="zz"),  # without an English counterpart
    ]
    coverage = anchor_coverage(embed_languages(model, queries))
    assert set(coverage) == {"yy"}
    assert coverage["yy"].figures.right.tolist() == [2]
    assert coverage["yy"].same_as_english == 1


def test_queries_that_cannot_be_judged_are_refused(heard: Heard) -> None:
    measured = heard(["dog"], [clip("dog", label="dog")])
    with pytest.raises(DataError, match=r"no text query of q\.jsonl has a clip"):
        languages(measured, [Query(label="cat", text="cat")], name="q.jsonl")
    with pytest.raises(DataError, match="no English text"):
        languages(measured, [Query(label="dog", text="Hund", lang="de")], name="q.jsonl")
