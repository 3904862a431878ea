"""Queries out of CLDR's emoji names, from a small folder in the real format."""

import json
from pathlib import Path

import pytest

from training.cldr_queries import QUERIES_DIR, cldr_queries, load_emoji_classes
from training.errors import CldrError

CLASSES = {"dog": "🐕", "wind": "🌬\ufe0f", "cat": "🐈"}


def write_language(package: Path, code: str, identity: dict[str, str], names: dict[str, str] | None) -> None:
    folder = package / "annotations" / code
    folder.mkdir(parents=True)
    content: dict = {"identity": identity}
    if names is not None:  # CLDR leaves the key out where a language has no names yet
        content["annotations"] = {e: {"default": [n, "keyword"], "tts": [n]} for e, n in names.items()}
        content["annotations"]["€"] = {"default": ["keyword without a name"]}
    (folder / "annotations.json").write_text(json.dumps({"annotations": content}), "utf-8")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write_language(
        tmp_path, "sw", {"language": "sw"}, {"🐕": "mbwa", "🌬": "upepo", "🐈": "paka", "🚁": "helikopta"}
    )
    write_language(
        tmp_path, "sr-Latn", {"language": "sr", "script": "Latn"}, {"🐕": "pas", "🌬": "vetar", "🐈": "mačka"}
    )
    write_language(
        tmp_path, "es-MX", {"language": "es", "territory": "MX"}, {"🐕": "perro", "🌬": "aire", "🐈": "gato"}
    )
    write_language(
        tmp_path, "ca-ES-valencia", {"language": "ca", "territory": "ES", "variant": "VALENCIA"}, None
    )
    write_language(tmp_path, "ia", {"language": "ia"}, {"🐕": "can", "🐈": "catto"})
    write_language(tmp_path, "und", {"language": "root"}, None)
    return tmp_path


def test_names_of_well_covered_languages_become_queries(package: Path) -> None:
    queries = list(cldr_queries(package, emoji_classes=CLASSES))

    assert {"text": "mbwa", "lang": "sw", "label": "dog"} in queries
    assert {"text": "upepo", "lang": "sw", "label": "wind"} in queries  # with or without a variation selector
    assert {query["lang"] for query in queries} == {"sw", "sr-Latn"}  # a script counts, a region does not
    assert len(queries) == 6


def test_coverage_decides_which_languages_are_compared(package: Path) -> None:
    queries = list(cldr_queries(package, emoji_classes=CLASSES, min_coverage=0.6))

    assert [query["text"] for query in queries if query["lang"] == "ia"] == ["can", "catto"]


def test_the_annotations_folder_itself_will_do(package: Path) -> None:
    assert list(cldr_queries(package / "annotations", emoji_classes=CLASSES)) == list(
        cldr_queries(package, emoji_classes=CLASSES)
    )


def test_names_are_composed(tmp_path: Path) -> None:
    write_language(tmp_path, "vi", {"language": "vi"}, {"🐕": "cho\u0301"})

    assert [query["text"] for query in cldr_queries(tmp_path, emoji_classes={"dog": "🐕"})] == ["ch\u00f3"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CldrError, match="npm pack cldr-annotations-full"):
        list(cldr_queries(tmp_path, emoji_classes=CLASSES))


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"annotations": {}}', '{"annotations": {"identity": 3}}']
)
def test_a_broken_file_is_named(package: Path, content: str) -> None:
    broken = package / "annotations" / "sw" / "annotations.json"
    broken.write_text(content, "utf-8")

    with pytest.raises(CldrError, match=r"sw.annotations\.json is not in the format"):
        list(cldr_queries(package, emoji_classes=CLASSES))


def test_a_package_without_the_emoji_is_refused(package: Path) -> None:
    with pytest.raises(CldrError, match="100% of the 2 emoji"):
        list(cldr_queries(package, emoji_classes={"frog": "🐸", "cow": "🐄"}, min_coverage=1))


def test_the_committed_names_are_those_of_the_committed_classes() -> None:
    classes = load_emoji_classes()
    path = QUERIES_DIR / "cldr_names.jsonl"
    english = {
        q["label"]: q["text"]
        for q in map(json.loads, path.read_text("utf-8").splitlines())
        if q["lang"] == "en"
    }

    assert english.keys() == classes.keys()
    assert (english["dog"], english["hen"], english["clock_tick"]) == ("dog", "chicken", "mantelpiece clock")
