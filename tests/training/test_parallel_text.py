"""Parallel text in the formats its sources publish."""

import gzip
import json
from pathlib import Path

from training.parallel_text import TextPair, read_cldr, read_freedict, read_tuxpaint

DESCRIPTION = "A dog.\nde.utf8=Ein Hund.\nen_GB.utf8=A dog.\npt_BR.utf8=Um cão.\nxx.utf8=\n"
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def number(value: int) -> str:
    return (number(value // 64) if value >= 64 else "") + DIGITS[value % 64]


def cldr(folder: Path, lang: str, names: dict[str, str]) -> None:
    (folder / lang).mkdir(parents=True)
    entries = {emoji: {"tts": [name], "default": [name, "thing"]} for emoji, name in names.items()}
    (folder / lang / "annotations.json").write_text(json.dumps({"annotations": {"annotations": entries}}))


def test_emoji_that_are_evaluated_and_their_kin_are_left_out(tmp_path: Path) -> None:
    cldr(tmp_path, "en", {"🐕": "dog", "🐶": "dog face", "🐘": "elephant"})
    cldr(tmp_path, "sw", {"🐕": "mbwa", "🐶": "uso wa mbwa", "🐘": "tembo"})
    pairs = list(read_cldr(tmp_path, held_out=frozenset("🐕")))
    assert TextPair("elephant", "tembo", "sw", "cldr") in pairs
    assert not any("mbwa" in pair.text for pair in pairs)


def test_tux_paint_descriptions_pair_with_the_english_first_line(tmp_path: Path) -> None:
    (tmp_path / "dog.txt").write_text(DESCRIPTION, "utf-8")
    assert [(p.lang, p.text) for p in read_tuxpaint(tmp_path)] == [("de", "Ein Hund."), ("pt", "Um cão.")]


def test_dictionary_entries_give_short_translations_of_known_words(tmp_path: Path) -> None:
    entries = {
        "bark": 'bark /b/ <n>\n1. gome, ganda\n   "example"\n2. (dog) bweka\n',
        "zebra": "zebra\npunda milia\n",
    }
    data, index = b"", ""
    for word, text in entries.items():
        raw = text.encode()
        index += f"{word}\t{number(len(data))}\t{number(len(raw))}\n"
        data += raw
    path = tmp_path / "freedict-eng-swh.dict.dz"
    path.write_bytes(gzip.compress(data))
    (tmp_path / "freedict-eng-swh.index").write_text(index)
    pairs = list(read_freedict(path, lang="sw", vocabulary=frozenset({"bark"})))
    assert [(p.english, p.text) for p in pairs] == [("bark", "gome"), ("bark", "bweka")]
