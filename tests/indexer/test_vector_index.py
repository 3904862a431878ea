"""The index finds exactly what comparing with every vector finds, and never changes under a reader."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.vector_index import VectorIndex, bitmap_of

NO_IDS = np.empty(0, np.int64)
NO_VECTORS = np.empty((0, 8), np.float32)


def unit_vectors(count: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(5).normal(size=(count, 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def index_of(vectors: NDArray[np.float32], *, first_id: int = 1) -> VectorIndex:
    ids = np.arange(first_id, first_id + len(vectors))
    return VectorIndex.empty(8).with_changes(added_ids=ids, added=vectors, removed_ids=NO_IDS)


def test_the_best_hits_are_those_of_an_exhaustive_comparison() -> None:
    vectors = unit_vectors(500)
    hits = index_of(vectors, first_id=100).search(vectors[42], count=10)
    scores = vectors @ vectors[42]
    assert [hit.segment_id for hit in hits] == [100 + int(i) for i in np.argsort(-scores)[:10]]
    assert hits[0].segment_id == 142
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(scores)[::-1][:10], atol=1e-6)


def test_a_search_among_some_never_returns_others_and_misses_none() -> None:
    vectors = unit_vectors(300)
    allowed = np.arange(7, 300, 29)
    hits = index_of(vectors).search(vectors[0], count=300, among=bitmap_of(allowed))
    assert {hit.segment_id for hit in hits} == set(allowed.tolist())
    assert index_of(vectors).search(vectors[0], count=5, among=bitmap_of(NO_IDS)) == []


def test_asking_for_more_than_there_is_gives_all_there_is() -> None:
    vectors = unit_vectors(3)
    assert len(index_of(vectors).search(vectors[0], count=100)) == 3
    assert VectorIndex.empty(8).search(vectors[0], count=5) == []


def test_changes_make_a_new_index_and_leave_the_old_one() -> None:
    vectors = unit_vectors(10)
    old = index_of(vectors)
    new = old.with_changes(added_ids=np.array([50]), added=vectors[:1], removed_ids=np.array([1, 2]))
    assert sorted(old.ids) == list(range(1, 11))
    assert sorted(new.ids) == [*range(3, 11), 50]
    assert new.search(vectors[0], count=1)[0].segment_id == 50


def test_saving_and_loading_gives_the_same_hits_and_leaves_no_other_file(tmp_path: Path) -> None:
    vectors = unit_vectors(20)
    index = index_of(vectors)
    index.save(tmp_path / "index.faiss")
    loaded = VectorIndex.load(tmp_path / "index.faiss", dim=8)
    assert loaded.search(vectors[3], count=5) == index.search(vectors[3], count=5)
    assert [path.name for path in tmp_path.iterdir()] == ["index.faiss"]
    # What was loaded can be changed again, removal included.
    assert len(loaded.with_changes(added_ids=NO_IDS, added=NO_VECTORS, removed_ids=np.array([4]))) == 19


@pytest.mark.parametrize("content", [b"", b"no index", bytes(1000)])
def test_a_broken_file_is_no_index(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.faiss"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="index"):
        VectorIndex.load(path, dim=8)


def test_a_truncated_file_or_another_dimension_is_no_index(tmp_path: Path) -> None:
    path = tmp_path / "index.faiss"
    index_of(unit_vectors(20)).save(path)
    with pytest.raises(ValueError, match="dimension"):
        VectorIndex.load(path, dim=9)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match="index"):
        VectorIndex.load(path, dim=8)
