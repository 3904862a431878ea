"""Copies of a recording are found together, whatever was done to them, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import neighbours
from indexer.duplicates import find_duplicates
from indexer.errors import InvalidQueryError, LibraryNotFoundError
from indexer.records import ClipContent
from indexer.store import open_catalog, open_store_for_writing
from tests.indexer.test_store import AXES, SPACE, clip, content


def near(vector: NDArray[np.float32], cosine: float) -> NDArray[np.float32]:
    """A unit vector of this cosine with an axis."""
    return (cosine * vector + np.sqrt(1 - cosine**2) * AXES[3]).astype(np.float32)


def lasting(held: ClipContent, seconds: float) -> ClipContent:
    return replace(held, spans_s=np.array([[0.0, seconds]]))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with open_store_for_writing(tmp_path, space=SPACE) as opened:
        opened.catalog.put(
            [
                (replace(clip("rain.mp3"), size_bytes=10), lasting(content(near(AXES[0], 0.99)), 10)),
                (replace(clip("rain.wav"), size_bytes=90), lasting(content(AXES[0]), 10)),
                (replace(clip("rain copy.wav"), size_bytes=90), lasting(content(AXES[0]), 10)),
                (clip("part of rain.wav"), lasting(content(near(AXES[0], 0.999)), 4)),
                (clip("wind.wav"), lasting(content(AXES[1]), 10)),
                (clip("another wind.wav"), lasting(content(near(AXES[1], 0.9)), 10)),
                (replace(clip("rain.flac", library="more"), size_bytes=50), lasting(content(AXES[0]), 10)),
            ]
        )
    return tmp_path


def found(
    store: Path, *, library: str | None, threshold: float = 0.97
) -> list[tuple[str, list[tuple[str, bool]]]]:
    with open_catalog(store) as catalog:
        groups = find_duplicates(catalog, library=library, threshold=threshold)
    return [
        (group.keep.path.name, [(item.clip.path.name, item.is_exact) for item in group.others])
        for group in groups
    ]


@pytest.mark.parametrize("exact_up_to", [100_000, 0])
def test_copies_are_grouped_and_the_best_is_kept(
    store: Path, monkeypatch: pytest.MonkeyPatch, exact_up_to: int
) -> None:
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", exact_up_to)
    assert found(store, library="sounds") == [("rain copy.wav", [("rain.wav", True), ("rain.mp3", False)])]
    (everywhere,) = found(store, library=None)
    assert everywhere[1] == [("rain.flac", True), ("rain.wav", True), ("rain.mp3", False)]
    assert found(store, library="more") == []


def test_the_threshold_decides_what_is_alike_and_the_length_what_is_the_same(store: Path) -> None:
    assert [keep for keep, _ in found(store, library="sounds", threshold=0.85)] == [
        "rain copy.wav",
        "another wind.wav",
    ]
    assert found(store, library="sounds", threshold=0.995) == [("rain copy.wav", [("rain.wav", True)])]


def test_what_would_be_freed_is_what_the_others_take(store: Path) -> None:
    with open_catalog(store) as catalog:
        (group,) = find_duplicates(catalog, library="sounds")
        assert group.freed_bytes == 100
        assert group.others[1].likeness == pytest.approx(0.99, abs=1e-4)
        with pytest.raises(LibraryNotFoundError):
            find_duplicates(catalog, library="none")
        for threshold in (0, 1.5, float("nan")):
            with pytest.raises(InvalidQueryError):
                find_duplicates(catalog, threshold=threshold)
