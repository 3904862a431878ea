"""What a clip is called and said to be: the record that filters ask of and results show.

It comes from people's files and is shown to others, so it is always bounded and clean, whatever was in the file.
Where several sources speak, each field is of the first that has it: a table beside the file, then the file's own tags,
then its name (``description_tables``, ``embedded_tags``, ``ucs``).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

MAX_DESCRIPTION_CHARS = 2000
MAX_FIELD_CHARS = 200
MAX_TAG_CHARS = 100
MAX_TAGS = 50

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They reorder what follows them on a page; joiners and marks, which scripts need, stay."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """Text of one clip; made by ``describe``, which cleans it. ``tags`` are ordered by their key, each once."""

    title: str | None = None
    description: str | None = None
    artist: str | None = None
    licence: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()

    def over(self, other: "Description") -> "Description":
        """This description, with what it lacks taken from another."""
        if other == NOTHING or self == other:
            return self
        if self == NOTHING:
            return other
        return Description(
            title=self.title or other.title,
            description=self.description or other.description,
            artist=self.artist or other.artist,
            licence=self.licence or other.licence,
            category=self.category or other.category,
            tags=self.tags or other.tags,
        )


NOTHING = Description()
"""Nothing is known: what most clips of many libraries share."""


def describe(
    *,
    title: str | None = None,
    description: str | None = None,
    artist: str | None = None,
    licence: str | None = None,
    category: str | None = None,
    tags: Iterable[str] = (),
) -> Description:
    """Make a description of raw text: NFC, on one line, without control characters, cut to its bounds."""
    made = Description(
        title=_clean(title, MAX_FIELD_CHARS),
        description=_clean(description, MAX_DESCRIPTION_CHARS),
        artist=_clean(artist, MAX_FIELD_CHARS),
        licence=_clean(licence, MAX_FIELD_CHARS),
        category=_clean(category, MAX_FIELD_CHARS),
        tags=_clean_tags(tags),
    )
    return NOTHING if made == NOTHING else made


def split_tags(text: str) -> list[str]:
    """Tags that are written in one text, between commas or semicolons."""
    return re.split("[;,]", text[: 4 * MAX_TAGS * MAX_TAG_CHARS])


def filter_key(text: str) -> str:
    """What values are compared by: as ``describe`` leaves them, without case. Empty for text without content."""
    return unicodedata.normalize("NFC", (_clean(text, MAX_FIELD_CHARS) or "").casefold())


def _clean(text: str | None, limit: int) -> str | None:
    if not text:
        return None
    # Tags of megabytes exist; what lies far beyond the limit need not be looked at.
    composed = unicodedata.normalize("NFC", text[: 4 * limit])
    if sum(char == "\ufffd" or unicodedata.category(char) == "Cc" for char in composed) > len(composed) / 4:
        return None  # Bytes, not text.
    kept = (" " if char.isspace() else char for char in composed if char.isspace() or _is_shown(char))
    return " ".join("".join(kept).split())[:limit].strip() or None


def _is_shown(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs", "Cn", "Co") and char not in _BIDI_CONTROLS


def _clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    by_key: dict[str, str] = {}
    for tag in tags:
        cleaned = _clean(tag, MAX_TAG_CHARS)
        if cleaned is not None and len(by_key) < MAX_TAGS:
            by_key.setdefault(filter_key(cleaned), cleaned)
    return tuple(by_key[key] for key in sorted(by_key))
