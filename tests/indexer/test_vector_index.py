"""An index of any kind finds what comparing with every vector finds, as far as its manifest says."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import vector_index
from indexer.catalog import SegmentVectors
from indexer.coarse import IndexKind
from indexer.nearest import nearest_rows
from indexer.vector_index import About, Allowed, VectorIndex, open_index, write_index

DIM = 16
KINDS = list(IndexKind)


def unit_vectors(count: int, *, seed: int = 5) -> NDArray[np.float32]:
    """Around centres, as sounds are: of vectors without any order no structure can know the neighbours."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(30, DIM))
    vectors = centres[random.integers(30, size=count)] + 0.5 * random.normal(size=(count, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def segments(vectors: NDArray[np.float32], *, first_id: int = 1) -> SegmentVectors:
    ids = np.arange(first_id, first_id + 2 * len(vectors), 2)
    spans_s = np.stack([ids, ids + 5.0], axis=1)
    return SegmentVectors(ids, ids // 10, spans_s, vectors)


def written(
    directory: Path,
    vectors: NDArray[np.float32],
    kind: IndexKind,
    *,
    first_id: int = 1,
    old: tuple[Path, About] | None = None,
) -> tuple[VectorIndex, About]:
    parts = [segments(vectors, first_id=first_id)]
    about = write_index(directory, parts, kind=kind, count=len(vectors), dim=DIM, old=old)
    return open_index(directory, about), about


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that filters of few rows go through the search structure, too."""
    monkeypatch.setattr(vector_index, "EXACT_ROWS", 5)


def recall(index: VectorIndex, queries: NDArray[np.float32], among: Allowed | None = None) -> float:
    shares = []
    for query in queries:
        rows = np.arange(len(index)) if among is None else among.positions
        truth = rows[np.argsort(-(index.vectors[rows] @ query))[:10]]
        found, _ = index.search(query, count=10, among=among)
        shares.append(len(np.intersect1d(found, truth)) / 10)
    return float(np.mean(shares))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("everything_is_large")
def test_an_index_of_any_kind_finds_the_best_with_and_without_a_filter(
    tmp_path: Path, kind: IndexKind
) -> None:
    index, about = written(tmp_path / "index", unit_vectors(3000), kind)
    assert about.kind is kind
    assert (kind is IndexKind.EXACT) == (about.efforts == ())
    assert all(effort.recall >= 0.95 for effort in about.efforts)
    least = 1.0 if kind is IndexKind.EXACT else 0.9
    queries = unit_vectors(50, seed=6)
    assert recall(index, queries) >= least
    among = Allowed.of(np.flatnonzero(np.random.default_rng(0).random(3000) < 0.3), rows=3000)
    assert recall(index, queries, among) >= least


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_exact_and_best_first_whatever_the_kind(tmp_path: Path, kind: IndexKind) -> None:
    index, _ = written(tmp_path / "index", unit_vectors(2000), kind)
    query = unit_vectors(1, seed=6)[0]
    positions, scores = index.search(query, count=20)
    np.testing.assert_allclose(scores, index.vectors[positions] @ query, atol=1e-6)
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("everything_is_large")
def test_all_that_a_filter_leaves_come_back_however_far_away_they_are(
    tmp_path: Path, kind: IndexKind
) -> None:
    vectors = unit_vectors(3000)
    index, _ = written(tmp_path / "index", vectors, kind)
    farthest = np.sort(np.argsort(vectors @ vectors[0])[:40])
    positions, _ = index.search(vectors[0], count=40, among=Allowed.of(farthest, rows=3000))
    assert sorted(positions.tolist()) == farthest.tolist()
    positions, _ = index.search(vectors[0], count=100, among=Allowed.of(farthest, rows=3000))
    assert len(positions) == 40
    none, _ = index.search(vectors[0], count=5, among=Allowed.of(np.empty(0, np.int64), rows=3000))
    assert len(none) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_asking_for_more_than_there_is_gives_all_there_is(tmp_path: Path, kind: IndexKind) -> None:
    for count in (0, 1, 3, 200):
        index, _ = written(tmp_path / f"{kind}-{count}", unit_vectors(count), kind)
        positions, _ = index.search(unit_vectors(1)[0], count=1000)
        assert sorted(positions.tolist()) == list(range(count))


@pytest.mark.parametrize("kind", [IndexKind.IVF, IndexKind.HNSW])
def test_an_extended_index_has_old_and_new_rows(tmp_path: Path, kind: IndexKind) -> None:
    vectors = unit_vectors(2500)
    _, about = written(tmp_path / "old", vectors[:2000], kind)
    index, extended = written(
        tmp_path / "new", vectors[2000:], kind, old=(tmp_path / "old", about), first_id=10_001
    )
    assert (extended.rows, extended.trained_on) == (2500, 2000)
    assert index.ids.tolist() == [*range(1, 4001, 2), *range(10_001, 11_001, 2)]
    np.testing.assert_array_equal(index.vectors, vectors)
    for row in (0, 1999, 2000, 2499):
        assert index.search(vectors[row], count=1)[0].tolist() == [row]


def test_equal_rows_score_the_same_wherever_they_stand() -> None:
    rows = unit_vectors(101)
    rows[[0, 50, 100]] = rows[7]
    positions, scores = nearest_rows(unit_vectors(1, seed=9)[0], rows, count=101)
    assert len(set(scores[np.isin(positions, [0, 7, 50, 100])].tolist())) == 1
    few, their = nearest_rows(unit_vectors(1, seed=9)[0], rows, count=2, among=np.array([100, 50]))
    assert set(few.tolist()) == {50, 100}
    assert set(their.tolist()) == set(scores[positions == 7].tolist())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other", "of another size"])
def test_broken_files_are_no_index(tmp_path: Path, kind: IndexKind, damage: str) -> None:
    _, about = written(tmp_path / "index", unit_vectors(500), kind)
    for path in (tmp_path / "index").iterdir():
        whole = path.read_bytes()
        if damage == "missing":
            path.unlink()
        elif damage == "empty":
            path.write_bytes(b"")
        elif damage == "cut":
            path.write_bytes(whole[: len(whole) // 2])
        elif damage == "other":
            path.write_bytes(bytes(1000))
        else:
            written(tmp_path / f"small-{path.name}", unit_vectors(400), kind)
            path.write_bytes((tmp_path / f"small-{path.name}" / path.name).read_bytes())
        with pytest.raises(ValueError, match=r"index|belong"):
            open_index(tmp_path / "index", about)
        path.write_bytes(whole)
    assert len(open_index(tmp_path / "index", about)) == 500
