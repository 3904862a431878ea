"""A large index need not be made again for what came and went since, and is replaced without a reader noticing."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import publishing
from indexer.catalog import clip_id_of
from indexer.coarse import IndexKind, kind_for, list_count
from indexer.errors import StoreError
from indexer.records import Clip, ClipContent, ClipStatus, SearchFilter
from indexer.search import search
from indexer.store import Store, open_store, open_store_for_writing
from model.space import EmbeddingSpace

DIM = 8
SPACE = EmbeddingSpace(name="toy", fingerprint="f" * 64, dim=DIM)


def vectors(count: int, *, seed: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(size=(count, DIM))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def put(
    store: Store, name: str, held: NDArray[np.float32] | None, *, status: ClipStatus = ClipStatus.INDEXED
) -> None:
    """One clip with these segments; without them, only its status changes."""
    path = Path("/sounds") / name
    clip = Clip(
        clip_id=clip_id_of("sounds", path),
        library="sounds",
        path=path,
        size_bytes=1,
        mtime_ns=1,
        sha256="",
        duration_s=10.0,
        source_rate_hz=16000,
        status=status,
    )
    content = None
    if held is not None:
        starts = np.arange(len(held), dtype=np.float64)
        spans = np.stack([starts, starts + 1], axis=1)
        content = ClipContent(audio_sha256=name, spans_s=spans, vectors=held)
    store.catalog.put([(clip, content)])


def directories(store: Path) -> list[str]:
    return sorted(path.name for path in store.glob("index-*"))


def best(store: Store, vector: NDArray[np.float32]) -> str:
    return search(store, vector, k=1)[0].path.name


@pytest.fixture
def ivf(tmp_path: Path) -> Path:
    """A store with an index of lists over 1,000 segments in ten clips."""
    with open_store_for_writing(tmp_path, space=SPACE) as store:
        for number in range(10):
            put(store, f"{number}", vectors(100, seed=number))
        store.ask_index(IndexKind.IVF)
        store.save_index()
    return tmp_path


def test_what_is_added_and_removed_counts_at_once_without_another_index(ivf: Path) -> None:
    before = directories(ivf)
    new = vectors(3, seed=100)
    with open_store(ivf) as reader:
        assert best(reader, vectors(100, seed=4)[7]) == "4"
        with open_store_for_writing(ivf) as store:
            put(store, "new", new)
            assert best(reader, new[0]) == "new"
            store.catalog.remove_clips([clip_id_of("sounds", Path("/sounds/4"))])
            store.save_index()
        assert best(reader, new[2]) == "new"
        assert best(reader, vectors(100, seed=4)[7]) != "4"
        assert len(reader.snapshot()) == 903
        assert reader.index_is_saved()
    assert directories(ivf) == before
    with open_store(ivf) as store:  # Also when opened anew, with additions and removals beside the index.
        assert best(store, new[1]) == "new"
        assert len(store.snapshot()) == 903
        found = {
            hit.path.name
            for hit in search(store, vectors(100, seed=4)[7], filter=SearchFilter(library="sounds"), k=10)
        }
        assert found == {*"012356789", "new"}


def test_clips_that_only_went_missing_are_masked_and_come_back(ivf: Path) -> None:
    with open_store_for_writing(ivf) as store:
        own = vectors(100, seed=4)[7]
        put(store, "4", None, status=ClipStatus.MISSING)
        assert len(search(store, own, k=10)) == 9
        put(store, "4", None)
        assert best(store, own) == "4"


def test_many_additions_extend_the_index_and_more_build_it_anew(
    ivf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "ADDED_UP_TO", 50)
    with open_store(ivf) as reader, open_store_for_writing(ivf) as store:
        put(store, "a", vectors(51, seed=50))
        store.catalog.remove_clips([clip_id_of("sounds", Path("/sounds/3"))])
        store.save_index()
        manifest = store.manifest
        assert manifest is not None
        assert (manifest.about.rows, manifest.about.trained_on) == (1051, 1000)
        assert best(reader, vectors(51, seed=50)[50]) == "a"
        assert best(reader, vectors(100, seed=3)[0]) != "3"
        assert (len(reader.snapshot()), len(reader.snapshot().added.ids)) == (951, 0)
        put(store, "b", vectors(1500, seed=51))
        store.save_index()
        manifest = store.manifest
        assert manifest is not None
        assert (manifest.about.rows, manifest.about.trained_on) == (2451, 2451)
        assert (len(reader.snapshot()), len(reader.snapshot().base)) == (2451, 2451)
        assert best(reader, vectors(1500, seed=51)[9]) == "b"
    assert len(directories(ivf)) == 1


def test_many_removals_build_it_anew(ivf: Path) -> None:
    with open_store_for_writing(ivf) as store:
        store.catalog.remove_clips([clip_id_of("sounds", Path(f"/sounds/{number}")) for number in (1, 2)])
        store.save_index()
        assert store.manifest is not None
        assert store.manifest.about.rows == 800


def test_a_reader_takes_over_another_kind_and_the_choice_stays(ivf: Path) -> None:
    own = vectors(100, seed=4)[7]
    with open_store(ivf) as reader:
        before = [hit.path.name for hit in search(reader, own)]
        for kind in (IndexKind.HNSW, IndexKind.EXACT, None):
            with open_store_for_writing(ivf) as store:
                store.ask_index(kind)
                put(store, f"more {kind}", vectors(1, seed=90))
                store.save_index()
            told = json.loads((ivf / "manifest.json").read_text())["index"]
            assert (told["asked"], told["about"]["kind"]) == (kind or "auto", kind or "exact")
            assert [hit.path.name for hit in search(reader, own)][:3] == before[:3]
            assert reader.snapshot().base.about.kind == (kind or "exact")
    assert len(directories(ivf)) == 1


def test_an_index_that_does_not_stand_the_check_leaves_the_old_one(
    ivf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, manifest = directories(ivf), (ivf / "manifest.json").read_bytes()
    with open_store_for_writing(ivf) as store:
        put(store, "new", vectors(1, seed=100))
        held = store.catalog.vectors_of
        monkeypatch.setattr(store.catalog, "vectors_of", lambda ids: {i: -v for i, v in held(ids).items()})
        with pytest.raises(
            StoreError, match=r"could not be written .*not what the catalogue holds.*run the command"
        ):
            store.rebuild_index()
        assert (directories(ivf), (ivf / "manifest.json").read_bytes()) == (before, manifest)
        assert best(store, vectors(1, seed=100)[0]) == "new"


def test_the_kind_goes_by_size_unless_it_is_asked_for() -> None:
    assert [kind_for(count, None) for count in (0, 50_000, 50_001)] == ["exact", "exact", "ivf"]
    assert kind_for(10, IndexKind.HNSW) is IndexKind.HNSW
    assert list_count(1) == 1
    assert list_count(1_000_000) == 4000
