"""A store survives broken derived files, several processes, other models, and changes under a reader."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalog import clip_id_of
from indexer.errors import (
    InvalidQueryError,
    LibraryNotFoundError,
    SpaceMismatchError,
    StoreBusyError,
    StoreError,
    StoreNotFoundError,
)
from indexer.records import Clip, ClipContent, ClipStatus, SearchFilter
from indexer.search import search
from indexer.store import Store, open_store, open_store_for_writing
from model.space import EmbeddingSpace

SPACE = EmbeddingSpace(name="toy", fingerprint="f" * 64, dim=4)
OTHER = EmbeddingSpace(name="other", fingerprint="0" * 64, dim=4)
AXES = np.eye(4, dtype=np.float32)


def clip(name: str, *, library: str = "sounds", status: ClipStatus = ClipStatus.INDEXED) -> Clip:
    path = Path("/sounds") / name
    return Clip(
        clip_id=clip_id_of(library, path),
        library=library,
        path=path,
        size_bytes=1,
        mtime_ns=1,
        sha256="",
        duration_s=10.0,
        source_rate_hz=16000,
        status=status,
    )


def content(*vectors: NDArray[np.float32]) -> ClipContent:
    """Different vectors, different audio."""
    starts = np.arange(len(vectors), dtype=np.float64)
    audio = hashlib.sha256(np.stack(vectors).tobytes()).hexdigest()
    return ClipContent(
        audio_sha256=audio, spans_s=np.stack([starts, starts + 5], axis=1), vectors=np.stack(vectors)
    )


def blend(first: int, second: int) -> NDArray[np.float32]:
    return ((AXES[first] + AXES[second]) / np.sqrt(2)).astype(np.float32)


def fill(directory: Path, *clips: tuple[Clip, ClipContent]) -> None:
    with open_store_for_writing(directory, space=SPACE) as store:
        store.catalog.put(clips)
        store.save_index()


def names(store: Store, vector: NDArray[np.float32], *, library: str | None = None, k: int = 10) -> list[str]:
    return [hit.path.name for hit in search(store, vector, filter=SearchFilter(library=library), k=k)]


def test_a_clip_counts_by_its_best_segment_and_appears_once(tmp_path: Path) -> None:
    fill(
        tmp_path, (clip("a"), content(AXES[1], blend(0, 1), AXES[2])), (clip("b"), content(AXES[0], AXES[3]))
    )
    with open_store(tmp_path, space=SPACE) as store:
        hits = search(store, AXES[0])
    assert [(hit.rank, hit.path.name, hit.start_s, hit.end_s) for hit in hits] == [
        (1, "b", 0, 5),
        (2, "a", 1, 6),
    ]
    assert hits[0].score == pytest.approx(1)
    assert hits[1].score == pytest.approx(np.sqrt(0.5))


def test_many_good_segments_of_one_clip_do_not_hide_the_others(tmp_path: Path) -> None:
    fill(
        tmp_path,
        (clip("long"), content(*[AXES[0]] * 200)),
        (clip("x"), content(AXES[1])),
        (clip("y"), content(AXES[2])),
    )
    with open_store(tmp_path) as store:
        assert names(store, AXES[0], k=3) == ["long", "x", "y"]


def test_equal_scores_are_ordered_by_name_even_at_the_end_of_the_list(tmp_path: Path) -> None:
    fill(tmp_path, *((clip(f"{i:02}"), content(AXES[0])) for i in reversed(range(50))))
    with open_store(tmp_path) as store:
        assert names(store, AXES[0], k=2) == ["00", "01"]


def test_a_library_limits_the_search(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])), (clip("b", library="more"), content(AXES[1])))
    with open_store(tmp_path) as store:
        assert names(store, AXES[0], library="more") == ["b"]
        assert names(store, AXES[0]) == ["a", "b"]
        with pytest.raises(LibraryNotFoundError, match=r"'none'.*'more', 'sounds'"):
            search(store, AXES[0], filter=SearchFilter(library="none"))


def test_bad_queries_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])))
    with open_store(tmp_path) as store:
        for vector in (np.ones(3, np.float32), np.full(4, np.nan, np.float32)):
            with pytest.raises(InvalidQueryError):
                search(store, vector)
        with pytest.raises(InvalidQueryError, match="k must"):
            search(store, AXES[0], k=0)


def test_missing_and_failed_clips_are_not_found(tmp_path: Path) -> None:
    fill(
        tmp_path, (clip("a"), content(AXES[0])), (clip("b"), content(AXES[0])), (clip("c"), content(AXES[0]))
    )
    with open_store_for_writing(tmp_path) as store:
        store.catalog.put(
            [(clip("a", status=ClipStatus.MISSING), None), (clip("b", status=ClipStatus.FAILED), None)]
        )
        store.save_index()
        assert names(store, AXES[0]) == names(store, AXES[0], library="sounds") == ["c"]
        assert len(store.catalog.segments_of(clip("a").clip_id).vectors) == 1
        assert len(store.catalog.segments_of(clip("b").clip_id).vectors) == 0
        store.catalog.put([(clip("a"), None)])
        assert names(store, AXES[0]) == ["a", "c"]


def test_an_open_reader_sees_what_a_writer_commits(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])))
    with open_store(tmp_path) as reader:
        assert names(reader, AXES[0], library="sounds") == ["a"]
        with open_store_for_writing(tmp_path, space=SPACE) as writer:
            writer.catalog.put([(clip("b"), content(AXES[0]))])
            assert names(reader, AXES[0], library="sounds") == ["a", "b"]
            writer.catalog.put([(clip("a"), content(AXES[3]))])
            assert names(reader, AXES[0], k=1) == ["b"]
            writer.catalog.remove_library("sounds")
            assert names(reader, AXES[0]) == []


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "cut", "flipped", "no folder", "no manifest", "bad manifest", "old"]
)
def test_derived_files_are_made_again_whatever_is_wrong_with_them(tmp_path: Path, damage: str) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])), (clip("b"), content(AXES[1])))
    (index,) = tmp_path.glob("index-*/vectors.npy")
    data = index.read_bytes()
    if damage == "missing":
        index.unlink()
    elif damage == "empty":
        index.write_bytes(b"")
    elif damage == "cut":
        index.write_bytes(data[:-20])
    elif damage == "flipped":
        index.write_bytes(data.replace(AXES[1].tobytes(), AXES[2].tobytes()))
        assert index.read_bytes() != data
    elif damage == "no folder":
        shutil.rmtree(index.parent)
    elif damage == "no manifest":
        (tmp_path / "manifest.json").unlink()
    elif damage == "bad manifest":
        (tmp_path / "manifest.json").write_text("{")
    else:
        with open_store_for_writing(tmp_path) as store:
            store.catalog.put([(clip("a"), content(AXES[0])), (clip("c"), content(AXES[3]))])
    for _ in range(2):  # The first opening repairs, the second reads what was repaired.
        with open_store(tmp_path, space=SPACE) as store:
            assert names(store, AXES[1], k=1) == ["b"]
            assert store.index_is_saved()
            assert len(names(store, AXES[0])) == (3 if damage == "old" else 2)
    assert len(list(tmp_path.glob("index-*"))) == 1


def test_a_model_of_another_space_is_refused_with_what_to_do(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])))
    for opener in (open_store, open_store_for_writing):
        with (
            pytest.raises(SpaceMismatchError, match=r"toy.*other.*--model.*--store"),
            opener(tmp_path, space=OTHER),
        ):
            pass
    with open_store(tmp_path, space=SPACE) as store:
        assert names(store, AXES[0]) == ["a"]


def test_a_store_that_was_emptied_takes_another_model_and_refuses_old_readers(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])))
    with open_store(tmp_path, space=SPACE) as reader:
        with open_store_for_writing(tmp_path) as store:
            store.catalog.remove_library("sounds")
        larger = replace(OTHER, dim=6)
        with open_store_for_writing(tmp_path, space=larger) as store:
            store.catalog.put([(clip("a"), content(np.eye(6, dtype=np.float32)[5]))])
            store.save_index()
            assert names(store, np.eye(6, dtype=np.float32)[5]) == ["a"]
        with pytest.raises(SpaceMismatchError):
            search(reader, AXES[0])


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])))
    program = (
        "import sys; from pathlib import Path; from indexer.store import open_store_for_writing\n"
        "with open_store_for_writing(Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with (
            pytest.raises(StoreBusyError, match="Another process"),
            open_store_for_writing(tmp_path, space=SPACE),
        ):
            pass
        with open_store(tmp_path) as reader:
            assert names(reader, AXES[0]) == ["a"]
        other.kill()
    with open_store_for_writing(tmp_path, space=SPACE) as store:  # A killed writer leaves no lock behind.
        assert names(store, AXES[0]) == ["a"]


def test_what_is_no_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="sonoglot index"), open_store(tmp_path / "none"):
        pass
    with pytest.raises(StoreNotFoundError), open_store_for_writing(tmp_path / "none"):
        pass
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no database at all, not even nearly" * 100)
    with pytest.raises(StoreError, match="damaged"), open_store(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError), open_store_for_writing(tmp_path / "file" / "store", space=SPACE):
        pass


def test_a_store_of_a_later_format_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0])))
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        connection.execute("UPDATE state SET format_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="format 99"), open_store(tmp_path):
        pass


def test_the_path_of_a_clip_keeps_bytes_that_are_no_text(tmp_path: Path) -> None:
    strange = clip("caf\udce9\nnew.wav")
    fill(tmp_path, (strange, content(AXES[0])))
    with open_store(tmp_path) as store:
        assert store.catalog.clip(strange.clip_id).path == strange.path
        assert search(store, AXES[0])[0].path == strange.path


def test_libraries_are_summed_up(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a"), content(AXES[0], AXES[1])), (clip("b", library="more"), content(AXES[1])))
    with open_store_for_writing(tmp_path) as store:
        store.catalog.put([(clip("c", status=ClipStatus.FAILED), None), (clip("b", library="more"), None)])
        found = {item.name: item for item in store.catalog.libraries()}
    assert (found["sounds"].clips, found["sounds"].segments, found["sounds"].failed) == (1, 2, 1)
    assert (found["more"].clips, found["more"].segments, found["more"].duration_s) == (1, 1, 10.0)
