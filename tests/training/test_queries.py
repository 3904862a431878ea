"""The committed evaluation queries: complete, in the right script, without doubles, and loadable."""

import json
import unicodedata
from collections import Counter, defaultdict

import pytest

from model.images import load_image
from training.cldr_queries import QUERIES_DIR, load_emoji_classes

# ESC-50's 50 categories in the order of their numbers, ten a group: animals, nature, people, home, street.
GROUPS = [
    "dog rooster pig cow frog cat hen insects sheep crow",
    "rain sea_waves crackling_fire crickets chirping_birds water_drops wind pouring_water toilet_flush "
    "thunderstorm",
    "crying_baby sneezing clapping breathing coughing footsteps laughing brushing_teeth snoring "
    "drinking_sipping",
    "door_wood_knock mouse_click keyboard_typing door_wood_creaks can_opening washing_machine vacuum_cleaner "
    "clock_alarm clock_tick glass_breaking",
    "helicopter chainsaw siren car_horn engine train church_bells airplane fireworks hand_saw",
]
LABELS = [label for group in GROUPS for label in group.split()]

# What Unicode calls the letters of each language. Latin needs no entry.
SCRIPTS = {
    "ar": {"ARABIC"}, "bn": {"BENGALI"}, "el": {"GREEK"}, "fa": {"ARABIC"}, "he": {"HEBREW"},
    "hi": {"DEVANAGARI"},
    "ja": {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    "ko": {"HANGUL"}, "ru": {"CYRILLIC"},
    "ta": {"TAMIL"}, "th": {"THAI"}, "uk": {"CYRILLIC"}, "zh": {"CJK"},
}  # fmt: skip

TRANSLATED = ["esc50_names.jsonl", "esc50_own_words_multilingual.jsonl"]
TEXT_FILES = [*TRANSLATED, "esc50_own_words.jsonl", "cldr_names.jsonl"]


def read(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (QUERIES_DIR / name).read_text("utf-8").splitlines()]


def by_language(name: str) -> dict[str, list[dict[str, str]]]:
    languages = defaultdict(list)
    for query in read(name):
        languages[query["lang"]].append(query)
    return languages


@pytest.mark.parametrize("name", TEXT_FILES)
def test_every_line_is_a_clean_query(name: str) -> None:
    for query in read(name):
        assert query.keys() == {"text", "lang", "label"}
        assert query["label"] in LABELS
        assert query["text"] == unicodedata.normalize("NFC", query["text"]).strip() != ""


@pytest.mark.parametrize("name", TEXT_FILES)
def test_no_text_stands_for_two_things_in_a_language(name: str) -> None:
    texts = Counter((query["lang"], query["text"].casefold()) for query in read(name))

    assert [text for text, count in texts.items() if count > 1] == []


@pytest.mark.parametrize(("name", "languages"), [(TRANSLATED[0], 25), (TRANSLATED[1], 13)])
def test_each_language_has_each_class_once(name: str, languages: int) -> None:
    queries = by_language(name)

    assert len(queries) == languages
    assert {"en", "es", "fr", "de", "pt", "ru", "zh", "ja", "ko", "ar", "hi", "tr", "sw"} <= queries.keys()
    for lang, own in queries.items():
        assert [query["label"] for query in own] == LABELS, lang


@pytest.mark.parametrize("name", TRANSLATED)
def test_each_language_is_in_its_script(name: str) -> None:
    for query in read(name):
        letters = [character for character in query["text"] if character.isalpha()]
        scripts = {unicodedata.name(character).split()[0] for character in letters}
        assert scripts <= SCRIPTS.get(query["lang"], {"LATIN"}), query


def test_english_names_are_the_categories_as_words() -> None:
    english = by_language("esc50_names.jsonl")["en"]

    assert all(query["text"].split() == query["label"].split("_") for query in english)


def test_own_words_are_three_a_class_and_not_the_class_names() -> None:
    queries = read("esc50_own_words.jsonl")

    assert Counter(query["label"] for query in queries) == dict.fromkeys(LABELS, 3)
    names = {label.replace("_", " ") for label in LABELS}
    assert [query["text"] for query in queries if query["text"] in names] == []


def test_translated_own_words_are_those_of_the_first_english_ones() -> None:
    first = {query["label"]: query["text"] for query in reversed(read("esc50_own_words.jsonl"))}

    assert {q["label"]: q["text"] for q in by_language(TRANSLATED[1])["en"]} == first


def test_cldr_names_cover_more_than_a_hundred_languages() -> None:
    classes = load_emoji_classes()
    languages = by_language("cldr_names.jsonl")

    assert classes.keys() <= set(LABELS)
    assert len(set(classes.values())) == len(classes)
    assert len({lang.split("-")[0] for lang in languages}) >= 110
    for lang, own in languages.items():
        labels = [query["label"] for query in own]
        assert len(set(labels)) == len(labels) >= 0.8 * len(classes), lang
        assert set(labels) <= classes.keys()


def test_held_out_classes_are_two_of_each_group() -> None:
    held_out = json.loads((QUERIES_DIR / "heldout_classes.json").read_text("utf-8"))

    assert [sum(label in group.split() for label in held_out) for group in GROUPS] == [2] * 5
    assert len(set(held_out)) == 10


def test_pictures_show_at_least_ten_things_and_each_has_its_source_named() -> None:
    queries = read("images.jsonl")
    attribution = (QUERIES_DIR / "images" / "ATTRIBUTION.md").read_text("utf-8")

    assert len({query["label"] for query in queries}) >= 10
    assert {query["label"] for query in queries} <= set(LABELS)
    files = {QUERIES_DIR / query["image"] for query in queries}
    assert files == set((QUERIES_DIR / "images").glob("*.jpg"))
    for file in files:
        assert max(load_image(file).size) <= 320
        assert f"| {file.name} |" in attribution


def test_every_file_is_explained() -> None:
    readme = (QUERIES_DIR / "README.md").read_text("utf-8")

    others = {file.name for file in QUERIES_DIR.iterdir()} - {"README.md"}
    assert [name for name in others if name not in readme] == []
