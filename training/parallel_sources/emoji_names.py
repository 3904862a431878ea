"""Names and keywords of emoji in about 115 languages: Unicode CLDR (npm cldr-annotations-full; Unicode-3.0).

The emoji that evaluation asks for are never read, nor their kin.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from training.parallel_sources.text_pair import TextPair, content_words

KEYWORDS = 3  # of an emoji, beside its name
Entry = dict[str, list[str]]
COMMON_WORDS = frozenset({"face", "with", "and", "large", "light", "black", "water", "high"})  # make no kin


def read_cldr(annotations: Path, *, held_out: frozenset[str]) -> Iterator[TextPair]:
    """Read emoji names, and names with keywords, of every language in an unpacked ``annotations`` folder.

    Emoji in ``held_out``, and those whose English names share a word with theirs, are left out: they are what the
    per-language table is evaluated on.
    """
    english = read_language(annotations / "en")
    taken = (
        frozenset(word for one in held_out for word in content_words(english[one]["tts"][0])) - COMMON_WORDS
    )
    usable = {emoji for emoji, entry in english.items() if _may_be_taught(emoji, entry, held_out, taken)}
    for folder in sorted(annotations.iterdir()):
        if not _is_taught(folder.name):
            continue
        for emoji, entry in read_language(folder).items():
            if emoji not in usable:
                continue
            yield TextPair(english[emoji]["tts"][0], entry["tts"][0], folder.name, "cldr")
            if entry["default"]:
                yield TextPair(
                    _with_keywords(english[emoji]), _with_keywords(entry), folder.name, "cldr-keywords"
                )


def read_language(folder: Path) -> dict[str, Entry]:
    """Read the named emoji of one language: ``tts`` holds the name, ``default`` the keywords."""
    content = next(iter(json.loads((folder / "annotations.json").read_text("utf-8")).values()))
    entries = content.get("annotations", {})  # absent where a language has none yet
    return {key: {"default": [], **entry} for key, entry in entries.items() if "tts" in entry}


def _may_be_taught(emoji: str, entry: Entry, held_out: frozenset[str], taken: frozenset[str]) -> bool:
    return (
        _is_pictograph(emoji)
        and held_out.isdisjoint({emoji, *emoji})
        and taken.isdisjoint(content_words(entry["tts"][0]))
    )


def _is_taught(lang: str) -> bool:
    """Leave out English and regional doubles of a language (es-MX), but keep scripts (sr-Latn)."""
    return lang != "en" and not lang.startswith("en-") and not ("-" in lang and len(lang.split("-")[1]) == 2)


def _with_keywords(entry: Entry) -> str:
    name = entry["tts"][0]
    return ", ".join((name, *[word for word in entry["default"] if word != name][:KEYWORDS]))


def _is_pictograph(emoji: str) -> bool:
    """Tell things from punctuation, arrows, signs and flags, which name nothing that sounds."""
    first = ord(emoji[0])
    return 0x2600 <= first <= 0x27BF or (first >= 0x1F300 and emoji[0] != "🏴")
