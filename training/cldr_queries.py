"""Makes queries in more than a hundred languages out of the names that Unicode CLDR gives to emoji.

Nobody translates fifty sound classes into a hundred languages with care, but CLDR's translators have named
every emoji in theirs. Where an emoji is named after the source of a sound class (🐕 is "dog", and "mbwa" in
Swahili), that name is a real query for the class. The data are npm's ``cldr-annotations-full`` (Unicode-3.0);
what this module made of them is committed as ``queries/cldr_names.jsonl``, so that the table of languages
needs no download.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

from training.errors import CldrError

QUERIES_DIR = Path(__file__).parent / "queries"
"""The evaluation queries that come with the package; ``README.md`` in it says what each file is."""

MIN_COVERAGE = 0.8
"""Share of the classes that a language must name to be evaluated; less would compare different tasks."""

_VARIATION_SELECTOR = "\ufe0f"  # asks for the coloured picture; CLDR leaves it out of its keys


class LabelledText(TypedDict):
    """A text query: every clip with this ``label`` answers it."""

    text: str
    lang: str
    label: str


def load_emoji_classes(path: Path = QUERIES_DIR / "emoji_classes.json") -> dict[str, str]:
    """Read the emoji of each class: ``{"dog": "🐕", ...}``."""
    return json.loads(path.read_text("utf-8"))


def cldr_queries(
    directory: Path, *, emoji_classes: Mapping[str, str], min_coverage: float = MIN_COVERAGE
) -> Iterator[LabelledText]:
    """Yield the name of each class's emoji in every language that names at least ``min_coverage`` of them.

    ``directory`` is the unpacked npm package or its ``annotations`` folder. Codes are CLDR's: a language,
    with a script where it is written in several (``sr``, ``sr-Latn``). Regional variants (``es-MX``) are left
    out: they hold little but their differences from the parent, and are not another language.

    Raises:
        CldrError: ``directory`` holds no annotations, one of its files is not in CLDR's format, or no
            language reaches ``min_coverage``.
    """
    found = False
    for path in _annotation_files(directory):
        content = _read_annotations(path)
        names = _names(content.get("annotations", {}), emoji_classes)
        if _is_regional(content["identity"]) or len(names) < min_coverage * len(emoji_classes):
            continue
        found = True
        for label, name in names.items():
            yield {"text": name, "lang": path.parent.name, "label": label}
    if not found:
        raise CldrError(
            f"No language in {directory} names {min_coverage:.0%} of the {len(emoji_classes)} emoji; "
            "is it the cldr-annotations-full package, and not one for a single language?"
        )


def _annotation_files(directory: Path) -> list[Path]:
    folder = directory / "annotations" if (directory / "annotations").is_dir() else directory
    files = sorted(folder.glob("*/annotations.json"))
    if not files:
        raise CldrError(
            f"{directory} holds no LANGUAGE/annotations.json. Unpack npm's cldr-annotations-full "
            "(npm pack cldr-annotations-full; tar xf cldr-annotations-full-*.tgz) and give its folder."
        )
    return files


def _read_annotations(path: Path) -> dict[str, Any]:
    """Return a file's ``identity`` and, unless CLDR has none for the language yet, its ``annotations``."""
    try:
        content = json.loads(path.read_text("utf-8"))["annotations"]
        if not isinstance(content["identity"], dict) or not isinstance(content.get("annotations", {}), dict):
            raise TypeError("identity or annotations is not an object")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CldrError(f"{path} is not in the format of CLDR's annotations: {error!r}") from error
    return content


def _names(
    annotations: Mapping[str, Mapping[str, list[str]]], emoji_classes: Mapping[str, str]
) -> dict[str, str]:
    """Return the short name (CLDR's ``tts``, one string in a list) of each class that has one."""
    entries = {
        label: annotations.get(emoji.replace(_VARIATION_SELECTOR, ""), {})
        for label, emoji in emoji_classes.items()
    }
    return {
        label: unicodedata.normalize("NFC", entry["tts"][0])
        for label, entry in entries.items()
        if entry.get("tts")
    }


def _is_regional(identity: Mapping[str, str]) -> bool:
    return "territory" in identity or "variant" in identity
