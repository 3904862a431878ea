"""Captions are embedded once, whatever stops a run and whoever else writes to the folder."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.word_anchor import WordAnchor, direction
from training import text_vectors
from training.errors import DataError
from training.text_vectors import TextVectors

TEXTS = [f"a sound, the {number}th\n\u2028 犬" for number in range(10)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_vectors, "PART_TEXTS", 3)


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("text-vectors-*.safetensors"))


def expected(texts: list[str]) -> np.ndarray:
    return np.stack([direction(text) for text in texts])


def test_texts_are_embedded_once_and_read_back_in_any_order(tmp_path: Path) -> None:
    vectors = TextVectors(WordAnchor(), tmp_path / "new")
    vectors.add([*TEXTS[:5], *TEXTS[:2]])
    vectors.add(TEXTS)
    asked = [TEXTS[9], TEXTS[0], TEXTS[4], TEXTS[0]]
    np.testing.assert_array_equal(vectors.rows(asked), expected(asked))

    silent = WordAnchor(breaks_at=0)
    again = TextVectors(silent, tmp_path / "new")
    again.add(TEXTS)
    np.testing.assert_array_equal(again.rows(asked), expected(asked))
    assert again.rows([]).shape == (0, WordAnchor.dim)


def test_a_run_that_dies_keeps_the_parts_that_were_full(tmp_path: Path) -> None:
    dying = WordAnchor(breaks_at=2)
    with pytest.raises(KeyboardInterrupt):
        TextVectors(dying, tmp_path).add(TEXTS)
    assert [len(call) for call in dying.calls] == [3, 3]

    resumed = WordAnchor()
    vectors = TextVectors(resumed, tmp_path)
    vectors.add(TEXTS)
    assert resumed.calls == [TEXTS[6:9], TEXTS[9:]]
    np.testing.assert_array_equal(vectors.rows(TEXTS), expected(TEXTS))


def test_runs_that_share_a_folder_lose_nothing_of_each_other(tmp_path: Path) -> None:
    first, second = TextVectors(WordAnchor(), tmp_path), TextVectors(WordAnchor(), tmp_path)
    first.add(TEXTS[:4])
    second.add(TEXTS[2:8])
    first.add(TEXTS[8:])
    for run, own in ((first, TEXTS[:4] + TEXTS[8:]), (second, TEXTS[2:8])):
        np.testing.assert_array_equal(run.rows(own), expected(own))
    later = TextVectors(WordAnchor(breaks_at=0), tmp_path)
    later.add(TEXTS)
    np.testing.assert_array_equal(later.rows(TEXTS), expected(TEXTS))


def test_runs_with_the_same_texts_write_the_same_part(tmp_path: Path) -> None:
    first, second = TextVectors(WordAnchor(), tmp_path), TextVectors(WordAnchor(), tmp_path)
    first.add(TEXTS[:3])
    second.add(TEXTS[:3])
    assert len(parts(tmp_path)) == 1
    np.testing.assert_array_equal(first.rows(TEXTS[:3]), expected(TEXTS[:3]))


def test_another_anchor_has_its_own_vectors(tmp_path: Path) -> None:
    TextVectors(WordAnchor(), tmp_path).add(TEXTS)
    other = WordAnchor(fingerprint="others")
    TextVectors(other, tmp_path).add(TEXTS)
    assert sum(map(len, other.calls)) == len(TEXTS)


def test_a_broken_part_is_named(tmp_path: Path) -> None:
    TextVectors(WordAnchor(), tmp_path).add(TEXTS[:3])
    (part,) = parts(tmp_path)
    part.write_bytes(part.read_bytes()[:-5])
    with pytest.raises(DataError, match=f"{part.name}.*delete it"):
        TextVectors(WordAnchor(), tmp_path)
