"""Translations of free programs and maps that name everyday things, aligned by the keys of their files.

Tux Paint stamps (Debian tuxpaint-stamps-default; GPL-2)              picture descriptions, up to 78 locales
GCompris lang activity (Debian gcompris-qt-data; GPL-3, CC BY-SA)     animals, objects, actions, food
OpenStreetMap iD presets (npm @openstreetmap/id-tagging-schema; ISC)  things on a map, about 80 languages
Home Assistant (PyPI home-assistant-frontend; Apache-2.0)             short sentences, about 60 languages
"""

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from training.parallel_sources.text_pair import TextPair, language_of

MAX_SENTENCE_WORDS = 16
SPELT_OUT = frozenset({"ml"})  # Tux Paint has the English sounds in Malayalam letters, not a translation
RCC_COMPRESSED, RCC_FOLDER = 1, 2  # flags of Qt's resource format


def read_tuxpaint(stamps: Path) -> Iterator[TextPair]:
    """Read the descriptions beside Tux Paint's stamps: English first, then ``locale.utf8=text`` lines."""
    for path in sorted(stamps.rglob("*.txt")):
        lines = path.read_text("utf-8", "replace").splitlines()
        english = lines[0].strip() if lines else ""
        for line in lines[1:]:
            locale, _, text = line.partition(".utf8=")
            lang = language_of(locale)
            if english and text.strip() and lang and lang not in SPELT_OUT:
                yield TextPair(english, text.strip(), lang, "tuxpaint")


def read_map_presets(translations: Path) -> Iterator[TextPair]:
    """Read names of things, of their properties and of the values of these from iD's ``dist/translations``."""
    english = _preset_texts(translations / "en.json")
    for path in sorted(translations.glob("*.json")):
        lang = language_of(path.stem)
        if lang and not path.name.endswith(".min.json") and path.stem != "index":
            yield from aligned(english, _preset_texts(path), lang, "osm-presets")


def _preset_texts(path: Path) -> dict[str, str]:
    """Return texts by preset, field, and field with option."""
    presets = next(iter(json.loads(path.read_text("utf-8")).values())).get("presets", {})
    texts = {f"preset {key}": entry.get("name", "") for key, entry in presets.get("presets", {}).items()}
    for key, field in presets.get("fields", {}).items():
        texts[f"field {key}"] = field.get("label", "")
        for option, value in field.get("options", {}).items():
            texts[f"field {key} {option}"] = value.get("title", "") if isinstance(value, dict) else value
    return texts


def read_home_assistant(translations: Path) -> Iterator[TextPair]:
    """Read the texts of Home Assistant's pages from ``hass_frontend/static/translations``: LOCALE-HASH.json."""
    paths = {path.stem.rsplit("-", 1)[0]: path for path in sorted(translations.glob("*.json"))}
    english = json.loads(paths["en"].read_text("utf-8"))
    for locale, path in paths.items():
        if lang := language_of(locale):
            yield from aligned(english, json.loads(path.read_text("utf-8")), lang, "home-assistant")


def read_gcompris(resource: Path) -> Iterator[TextPair]:
    """Read the words of GCompris' picture vocabulary, ``content-LOCALE.json`` in ``lang.rcc``."""
    words = {
        match[1]: json.loads(content)
        for name, content in _qt_resource(resource.read_bytes())
        if (match := re.fullmatch(r"content-(.+)\.json", name))
    }
    for locale, texts in words.items():
        if lang := language_of(locale):
            yield from aligned(words["en"], texts, lang, "gcompris")


def _qt_resource(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Read the text files of a Qt resource file: a tree of fixed-size nodes, then names and contents by offset."""
    version, tree, contents, names = struct.unpack_from(">4I", data, 4)
    node_size = 22 if version >= 2 else 14

    def walk(node: int) -> Iterator[tuple[str, bytes]]:
        at = tree + node * node_size
        name_at, flags = struct.unpack_from(">IH", data, at)
        if flags & RCC_FOLDER:
            count, first = struct.unpack_from(">2I", data, at + 6)
            for child in range(first, first + count):
                yield from walk(child)
        elif flags in (0, RCC_COMPRESSED):
            start = contents + struct.unpack_from(">I", data, at + 10)[0]
            content = data[start + 4 : start + 4 + struct.unpack_from(">I", data, start)[0]]
            length = struct.unpack_from(">H", data, names + name_at)[0]
            name = data[names + name_at + 6 :][: 2 * length].decode("utf-16-be")
            yield name, zlib.decompress(content[4:]) if flags else content

    yield from walk(0)


def aligned(
    english: Mapping[str, str], other: Mapping[str, str], lang: str, source: str
) -> Iterator[TextPair]:
    """Pair the texts of two languages under the same key; untranslated and templated texts are left out."""
    for key, text in other.items():
        if key in english and _is_plain(english[key]) and _is_plain(text) and text != english[key]:
            yield TextPair(" ".join(english[key].split()), " ".join(text.split()), lang, source)


def _is_plain(text: str) -> bool:
    """Tell a text that a person would say from templates, markup, addresses and mere numbers."""
    letters = sum(character.isalpha() for character in text)
    return (
        letters > 1
        and not re.search(r"[{}<>%$`*_=@\\]|://", text)
        and len(text.split()) <= MAX_SENTENCE_WORDS
    )
