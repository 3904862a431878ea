"""One pair of texts that mean the same, and the words that a text is made of."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class TextPair:
    """An English text and the same in another language (or in other English words)."""

    english: str
    text: str
    lang: str
    source: str


def content_words(text: str) -> list[str]:
    """Return the lower-case English words of a text, single letters left out."""
    return re.findall(r"[a-z][a-z'-]+", text.lower())


def language_of(locale: str) -> str | None:
    """Return the code that queries use for a locale; None for English and for regional doubles of a language."""
    parts = re.split("[-_@]", locale)
    if parts[0] == "zh":
        return "zh-Hant" if {"Hant", "TW", "HK"} & set(parts) else "zh"
    if parts[0] == "en" or (len(parts) > 1 and (parts[0], parts[1]) != ("pt", "BR") and parts[1] != "Latn"):
        return None
    if parts[0] == "nb":
        return "no"
    return "sr-Latn" if parts[:2] == ["sr", "Latn"] else parts[0]
