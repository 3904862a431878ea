"""Large libraries: memory that does not grow with files, and counts that stay exact where lists are cut off."""

import gc
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer import pending
from indexer.build import FileReport, FileState, IndexSummary, index_paths
from indexer.catalog import clip_id_of
from indexer.records import Clip, ClipContent, ClipStatus
from indexer.store import Store, open_store, open_store_for_writing
from model.retrieval_model import RetrievalModel
from tests.indexer.sounds import tone, wav_bytes, write_tone


def fill(store: Store, folder: Path, count: int) -> None:
    """Stubs on the disk that the catalogue takes for unchanged clips."""
    clips: list[Clip] = []
    stub = store.directory / "stub"
    stub.write_bytes(b"x")
    os.utime(stub, (1, 1))
    for number in range(count):
        path = folder / f"{number // 50:03}" / f"{number:05}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(stub, path)
        clips.append(
            Clip(
                clip_id=clip_id_of("many", path),
                library="many",
                path=path,
                size_bytes=1,
                mtime_ns=10**9,
                sha256=f"{number:064}",
                duration_s=5.0,
                source_rate_hz=16000,
                status=ClipStatus.INDEXED,
            )
        )
    vector = np.eye(1, store.space.dim, dtype=np.float32)
    content = ClipContent(audio_sha256="a" * 64, spans_s=np.array([[0.0, 5.0]]), vectors=vector)
    store.catalog.put([(clips[0], content)])
    [first] = store.catalog.clips("many")
    store.catalog.put((replace(clip, content_id=first.content_id), None) for clip in clips)


def test_memory_does_not_grow_with_unchanged_files(
    tmp_path: Path, model: RetrievalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.scan.PORTION", 50)
    monkeypatch.setattr("indexer.catalog._ROWS_AT_A_TIME", 50)
    monkeypatch.setattr("indexer.summary.REPORTS_KEPT", 50)
    peaks: list[int] = []
    for count in (100, 200, 1_200):  # The first fills caches.
        with open_store_for_writing(tmp_path / f"store-{count}", space=model.space) as store:
            fill(store, tmp_path / f"sounds-{count}", count)
            heard: list[FileState] = []
            gc.collect()
            tracemalloc.start()
            summary = index_paths(
                store,
                model,
                library="many",
                paths=[tmp_path / f"sounds-{count}"],
                on_report=lambda state, report, heard=heard: heard.append(state),
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert summary.counts() == {
            "indexed": 0,
            "unchanged": count,
            "skipped": 0,
            "failed": 0,
            "missing": 0,
        }
        assert len(summary.unchanged) == 50
        assert heard == [FileState.UNCHANGED] * count
    # A clip that is held costs more than 1,000 bytes.
    assert peaks[2] - peaks[1] < 1_000 * 400


def test_all_that_is_missing_is_counted_though_only_the_first_are_listed(
    tmp_path: Path, model: RetrievalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.summary.REPORTS_KEPT", 10)
    monkeypatch.setattr("indexer.catalog._ROWS_AT_A_TIME", 7)
    with open_store_for_writing(tmp_path / "store", space=model.space) as store:
        fill(store, tmp_path / "sounds", 60)
        for path in (tmp_path / "sounds").rglob("*.wav"):
            path.unlink()
        summary = index_paths(store, model, library="many", paths=[tmp_path / "sounds"])
        assert summary.counts()["missing"] == 60
        assert summary.reasons[FileState.MISSING] == {"file is gone": 60}
        assert len(summary.missing) == 10
        assert summary.searchable == 0
        assert store.catalog.library("many").missing == 60
        assert store.catalog.remove_missing("many") == 60
        assert store.catalog.clips("many") == []


def test_a_folder_that_is_renamed_is_followed_clip_by_clip(
    tmp_path: Path, model: RetrievalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written between: clips are looked up again for each file."""
    monkeypatch.setattr(pending, "_COMMIT_EVERY_S", 0.0)
    for number in range(12):
        write_tone(tmp_path / "sounds" / "old" / f"{number}.wav", seconds=0.5, hz=200 + 90 * number)
    for name in ("twin-1.wav", "twin-2.wav"):
        (tmp_path / "sounds" / "old" / name).write_bytes(wav_bytes(tone(seconds=0.5, hz=123)))
    for reported in (ClipStatus.INDEXED, ClipStatus.MISSING):
        store_directory = tmp_path / f"store-{reported}"
        with open_store_for_writing(store_directory, space=model.space) as store:
            index_paths(store, model, library="test", paths=[tmp_path / "sounds"])
            before = {clip.clip_id for clip in store.catalog.clips("test")}
            (tmp_path / "sounds" / "old").rename(tmp_path / "new")
            if reported is ClipStatus.MISSING:
                summary = index_paths(store, model, library="test", paths=[tmp_path / "sounds"])
                assert summary.counts()["missing"] == 14
            (tmp_path / "new").rename(tmp_path / "sounds" / "new")
            summary = index_paths(store, model, library="test", paths=[tmp_path / "sounds"])
        assert (summary.moved, summary.segments) == (14, 0)
        assert summary.counts() == {"indexed": 0, "unchanged": 14, "skipped": 0, "failed": 0, "missing": 0}
        with open_store(store_directory) as store:
            clips = store.catalog.clips("test")
        assert {clip.clip_id for clip in clips} == before
        assert {clip.path.parent.name for clip in clips} == {"new"}
        (tmp_path / "sounds" / "new").rename(tmp_path / "sounds" / "old")


def test_many_copies_after_one_new_file_are_written_on_the_way(
    tmp_path: Path, model: RetrievalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies fill no batch, so none may wait for the batch of the file before them to be full."""
    monkeypatch.setattr("indexer.embedding._CLIPS_A_BATCH", 8)
    monkeypatch.setattr(pending, "_COMMIT_EVERY_S", 0.0)
    data = wav_bytes(tone(seconds=0.5, hz=300))
    sounds = tmp_path / "sounds"
    write_tone(sounds / "0.wav", seconds=0.5, hz=300)
    with open_store_for_writing(tmp_path / "store", space=model.space) as store:
        index_paths(store, model, library="test", paths=[sounds])
        write_tone(sounds / "1.wav", seconds=0.5, hz=900)
        for number in range(100, 180):
            (sounds / f"{number}.wav").write_bytes(data)
        committed: list[int] = []
        summary = index_paths(
            store,
            model,
            library="test",
            paths=[sounds],
            on_progress=lambda progress: None if progress.path else committed.append(progress.committed),
        )
    assert (summary.segments, summary.copies) == (1, 80)
    assert any(1 < count < 60 for count in committed)


def test_a_failed_file_whose_copy_was_indexed_is_found(tmp_path: Path, model: RetrievalModel) -> None:
    data = wav_bytes(tone(seconds=1))
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.wav").write_bytes(data)

    def run() -> IndexSummary:
        return index_paths(store, model, library="test", paths=[tmp_path / "sounds"], retry_failed=True)

    with open_store_for_writing(tmp_path / "store", space=model.space) as store:
        run()
        [clip] = store.catalog.clips("test")
        failed = replace(clip, status=ClipStatus.FAILED, reason_code="decoder_crashed", reason="crashed")
        store.catalog.put([(failed, None)])
        (tmp_path / "sounds" / "b.wav").write_bytes(data)
        assert run().counts()["indexed"] == 2
        held = store.catalog.clips("test")
        assert len({clip.content_id for clip in held} - {None}) == 1
        assert [clip.status for clip in held] == [ClipStatus.INDEXED] * 2
        assert run().unchanged == [FileReport(clip.path) for clip in held]


def test_places_below_a_folder_are_those_and_no_others(tmp_path: Path, model: RetrievalModel) -> None:
    with open_store_for_writing(tmp_path, space=model.space) as store:
        template = Clip(
            clip_id="",
            library="x",
            path=Path("/"),
            size_bytes=1,
            mtime_ns=1,
            sha256="",
            duration_s=1.0,
            source_rate_hz=16000,
            status=ClipStatus.FAILED,
        )
        names = ["/a/b", "/a/b/c.wav", "/a/b/d/e.wav", "/a/b-1/f.wav", "/a/b.wav", "/a/bc/g.wav", "/a/é.wav"]
        for library in ("x", "y"):
            for name in names:
                clip = replace(template, path=Path(name), clip_id=library + name, library=library)
                store.catalog.put([(clip, None)])

        def below(folder: str) -> list[str]:
            portions = store.catalog.clips_below("x", Path(folder))
            return [os.fsdecode(clip.path) for portion in portions for clip in portion]

        assert below("/a/b") == ["/a/b", "/a/b/c.wav", "/a/b/d/e.wav"]
        assert below("/") == sorted(names, key=os.fsencode)
        assert below("/a/b.wav") == ["/a/b.wav"]
        assert below("/none") == []
        assert set(store.catalog.clips_at("x", [Path("/a/b"), Path("/a/é.wav"), Path("/q")])) == {
            Path("/a/b"),
            Path("/a/é.wav"),
        }
        assert [len(portion) for portion in store.catalog.failed_clips("x")] == [7]
