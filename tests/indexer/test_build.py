"""Indexing real files with the real model: what is embedded, what is not, and that vectors do not drift."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from indexer import prefetch
from indexer.build import FileReport, FileState, IndexProgress, IndexSummary, index_failed, index_paths
from indexer.errors import DecodeError, InvalidLibraryNameError
from indexer.queries import audio_vector
from indexer.reading import FileFacts
from indexer.records import ClipStatus, SearchFilter
from indexer.scan import Portion, Scan
from indexer.search import search
from indexer.store import open_store, open_store_for_writing
from model.audio_embedder import AudioEmbedder
from model.retrieval_model import RetrievalModel
from model.torch_model import TorchModel
from tests.indexer.sounds import tone, wav_bytes, write_tone


class Workplace:
    """A folder of sounds, a store, and a model that counts what it embeds."""

    def __init__(self, folder: Path, model: RetrievalModel) -> None:
        self.sounds = folder / "sounds"
        self.store = folder / "store"
        self.model = model
        self.sounds.mkdir()

    def run(self, *paths: Path) -> IndexSummary:
        with open_store_for_writing(self.store, space=self.model.space) as store:
            return index_paths(store, self.model, library="test", paths=paths or (self.sounds,))

    def vectors(self) -> dict[str, NDArray[np.float32]]:
        with open_store(self.store) as store:
            clips = store.catalog.clips("test")
            return {clip.path.name: store.catalog.segments_of(clip.clip_id).vectors for clip in clips}

    def best(self, name: str) -> list[str]:
        with open_store(self.store, space=self.model.space) as store:
            vector = audio_vector(self.model, self.sounds / name)
            return [hit.path.name for hit in search(store, vector, filter=SearchFilter(library="test"))]


@pytest.fixture
def workplace(tmp_path: Path, model: RetrievalModel) -> Workplace:
    return Workplace(tmp_path, model)


def names(reports: list[FileReport]) -> set[str]:
    return {report.path.name for report in reports}


def test_a_folder_becomes_searchable_and_bad_files_are_told_apart(workplace: Workplace) -> None:
    for number in range(5):
        write_tone(workplace.sounds / f"{number}.wav", seconds=1 + 2 * number, hz=200 * 2**number)
    (workplace.sounds / "text.wav").write_text("not a sound\n")
    (workplace.sounds / "empty.mp3").touch()
    (workplace.sounds / "cut.flac").write_bytes(wav_bytes(tone(seconds=5))[:-40_000])
    (workplace.sounds / "readme.txt").write_text("skipped")
    summary = workplace.run()
    assert names(summary.indexed) == {f"{number}.wav" for number in range(5)}
    assert {item.path.name: item.code for item in summary.failed} == {
        "text.wav": "not_audio",
        "empty.mp3": "empty_file",
        "cut.flac": "truncated",
    }
    assert names(summary.skipped) == {"readme.txt"}
    # 1, 3 and 5 s fit one window of 5 s; 7 s need a second, and 9 s a third, at the end of the clip.
    assert summary.segments == 1 + 1 + 1 + 2 + 3
    assert summary.audio_s == pytest.approx(25)
    assert summary.searchable == 5
    assert workplace.best("2.wav")[0] == "2.wav"


def test_segments_cover_the_clip_to_its_true_end(workplace: Workplace) -> None:
    write_tone(workplace.sounds / "a.wav", seconds=8.3)
    write_tone(workplace.sounds / "b.wav", seconds=0.7)
    workplace.run()
    with open_store(workplace.store) as store:
        spans = [
            store.catalog.segments_of(clip.clip_id).spans_s.tolist() for clip in store.catalog.clips("test")
        ]
    assert spans == [
        [[0, 5], [2.5, 7.5], [pytest.approx(3.3), pytest.approx(8.3)]],
        [[0, pytest.approx(0.7)]],
    ]


def test_a_second_run_embeds_only_what_changed(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("same.wav", "touched.wav", "changed.wav", "gone.wav"):
        write_tone(workplace.sounds / name, seconds=2, hz=300)
    workplace.run()
    with open_store(workplace.store) as store:
        ids = {clip.path.name: clip.clip_id for clip in store.catalog.clips("test")}
    embedded: list[int] = []
    real = TorchModel.embed_in_stream
    monkeypatch.setattr(
        TorchModel, "embed_in_stream", lambda self, x: embedded.append(len(x)) or real(self, x)
    )

    os.utime(workplace.sounds / "touched.wav", (1, 1))
    write_tone(workplace.sounds / "changed.wav", seconds=7, hz=900)
    write_tone(workplace.sounds / "new.wav", seconds=2, hz=500)
    (workplace.sounds / "gone.wav").unlink()
    summary = workplace.run()
    assert names(summary.indexed) == {"changed.wav", "new.wav"}
    assert names(summary.unchanged) == {"same.wav", "touched.wav"}
    assert names(summary.missing) == {"gone.wav"}
    assert summary.segments == 3
    assert len(embedded) == 1, "one batch, filled up"
    with open_store(workplace.store) as store:
        again = {clip.path.name: clip.clip_id for clip in store.catalog.clips("test")}
        assert len(store.snapshot()) == 4, "same, touched and gone share one content"
    assert {name: again[name] for name in ids} == ids
    assert workplace.best("changed.wav")[0] == "changed.wav"
    assert "gone.wav" not in workplace.best("changed.wav")

    embedded.clear()
    assert names(workplace.run().unchanged) == {"same.wav", "touched.wav", "changed.wav", "new.wav"}
    assert embedded == []


def test_a_file_that_returns_is_found_again_without_embedding(workplace: Workplace) -> None:
    path = write_tone(workplace.sounds / "a.wav", seconds=2)
    write_tone(workplace.sounds / "b.wav", seconds=2, hz=2000)
    workplace.run()
    path.rename(path.with_suffix(".away"))
    assert names(workplace.run().missing) == {"a.wav"}
    path.with_suffix(".away").rename(path)
    summary = workplace.run()
    assert names(summary.unchanged) == {"a.wav", "b.wav"}
    assert summary.indexed == []
    assert workplace.best("a.wav")[0] == "a.wav"


def test_a_root_that_is_not_there_loses_nothing(workplace: Workplace) -> None:
    write_tone(workplace.sounds / "a.wav", seconds=2)
    workplace.run()
    workplace.sounds.rename(workplace.sounds.with_name("unmounted"))
    summary = workplace.run()
    assert names(summary.failed) == {"sounds"}
    assert summary.missing == []
    assert summary.searchable == 1


def test_a_clip_whose_content_broke_is_no_longer_found(workplace: Workplace) -> None:
    path = write_tone(workplace.sounds / "a.wav", seconds=2)
    write_tone(workplace.sounds / "b.wav", seconds=2, hz=2000)
    workplace.run()
    path.write_text("no sound any more")
    assert names(workplace.run().failed) == {"a.wav"}
    assert workplace.best("b.wav") == ["b.wav"]
    with open_store(workplace.store) as store:
        broken = store.catalog.clips("test")[0]
    assert (broken.status, broken.reason_code) == (ClipStatus.FAILED, "not_audio")
    write_tone(path, seconds=2)
    assert names(workplace.run().indexed) == {"a.wav"}


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may read everything")
def test_a_clip_that_cannot_be_read_for_now_stays_found(workplace: Workplace) -> None:
    path = write_tone(workplace.sounds / "a.wav", seconds=2)
    workplace.run()
    os.utime(path, (1, 1))
    path.chmod(0)
    summary = workplace.run()
    path.chmod(0o600)
    assert [item.code for item in summary.failed] == ["no_permission"]
    assert workplace.best("a.wav") == ["a.wav"]


def test_a_file_that_vanishes_between_scan_and_reading_is_a_failure(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tone(workplace.sounds / "stays.wav", seconds=2)
    victim = write_tone(workplace.sounds / "vanishes.wav", seconds=2)
    real = Scan.portions

    def scan_then_remove(scan: Scan) -> Iterator[Portion]:
        for portion in real(scan):
            victim.unlink()
            yield portion

    monkeypatch.setattr(Scan, "portions", scan_then_remove)
    summary = workplace.run()
    assert names(summary.indexed) == {"stays.wav"}
    assert [(item.path.name, item.code) for item in summary.failed] == [("vanishes.wav", "vanished")]


def test_the_same_files_give_the_same_bits(workplace: Workplace, tmp_path: Path) -> None:
    for number in range(12):
        write_tone(workplace.sounds / f"{number}.wav", seconds=1 + number % 4 * 3, hz=100 * 1.5**number)
    workplace.run()
    first = workplace.vectors()
    workplace.store = tmp_path / "second"
    workplace.run()
    second = workplace.vectors()
    assert first.keys() == second.keys()
    for name, vectors in first.items():
        np.testing.assert_array_equal(second[name], vectors)


def test_batch_and_neighbours_do_not_change_a_vector(workplace: Workplace, tmp_path: Path) -> None:
    for number in range(20):
        write_tone(workplace.sounds / f"{number:02}.wav", seconds=1 + number % 5, hz=100 * 1.3**number)
    workplace.run()
    together = workplace.vectors()
    for name in ("00.wav", "11.wav", "19.wav"):
        workplace.store = tmp_path / f"only-{name}"
        workplace.run(workplace.sounds / name)
        np.testing.assert_allclose(workplace.vectors()[name], together[name], atol=1e-5)


def test_names_that_are_no_text_are_indexed_and_found(workplace: Workplace) -> None:
    data = wav_bytes(tone(seconds=1))
    for name in (b"caf\xe9.wav", b"two\nlines.wav", "сова.wav".encode()):
        with open(os.fsencode(workplace.sounds) + b"/" + name, "wb") as file:
            file.write(data)
    assert len(workplace.run().indexed) == 3
    assert len(workplace.run().unchanged) == 3
    with open_store(workplace.store) as store:
        assert all(clip.path.exists() for clip in store.catalog.clips("test"))


def test_progress_counts_every_file_and_ends_committed(workplace: Workplace) -> None:
    for number in range(3):
        write_tone(workplace.sounds / f"{number}.wav", seconds=1)
    seen: list[IndexProgress] = []
    with open_store_for_writing(workplace.store, space=workplace.model.space) as store:
        index_paths(store, workplace.model, library="test", paths=[workplace.sounds], on_progress=seen.append)
    assert [item.done for item in seen if item.path] == [1, 2, 3]
    assert (seen[-1].committed, seen[-1].total) == (3, 3)


def test_what_was_embedded_before_an_interruption_is_kept(workplace: Workplace) -> None:
    for number in range(40):
        write_tone(workplace.sounds / f"{number:02}.wav", seconds=1, hz=100 + 20 * number)

    def interrupt(progress: IndexProgress) -> None:
        if progress.done == 10 and progress.path:
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        open_store_for_writing(workplace.store, space=workplace.model.space) as store,
    ):
        index_paths(store, workplace.model, library="test", paths=[workplace.sounds], on_progress=interrupt)
    summary = workplace.run()
    assert len(summary.unchanged) >= 9
    assert len(summary.unchanged) + len(summary.indexed) == 40


@pytest.mark.parametrize("name", ["", " ", " a", "a\nb", "x" * 101])
def test_a_bad_library_name_is_refused(workplace: Workplace, name: str) -> None:
    with (
        pytest.raises(InvalidLibraryNameError),
        open_store_for_writing(workplace.store, space=workplace.model.space) as store,
    ):
        index_paths(store, workplace.model, library=name, paths=[workplace.sounds])


def test_a_long_or_broken_sound_cannot_be_asked_with(model: RetrievalModel) -> None:
    with pytest.raises(DecodeError):
        audio_vector(model, b"no sound")
    with pytest.raises(DecodeError, match="600 s"):
        audio_vector(model, wav_bytes(tone(seconds=601)))
    vector = audio_vector(model, wav_bytes(tone(seconds=12)))
    assert vector.shape == (model.space.dim,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_copies_are_embedded_once_and_all_are_found(workplace: Workplace) -> None:
    samples = tone(seconds=3, hz=440)
    for name in ("a.wav", "b.wav"):
        (workplace.sounds / name).write_bytes(wav_bytes(samples))
    written, rate_hz = soundfile.read(workplace.sounds / "a.wav", dtype="int16")
    soundfile.write(workplace.sounds / "c.flac", written, rate_hz)  # other bytes, the same samples
    summary = workplace.run()
    assert (len(summary.indexed), summary.segments, summary.copies) == (3, 1, 2)
    (workplace.sounds / "later.wav").write_bytes(wav_bytes(samples))
    summary = workplace.run()
    assert (names(summary.indexed), summary.segments, summary.copies) == ({"later.wav"}, 0, 1)
    assert workplace.best("a.wav") == ["a.wav", "b.wav", "c.flac", "later.wav"]
    (workplace.sounds / "a.wav").unlink()
    workplace.run()
    assert workplace.best("b.wav") == ["b.wav", "c.flac", "later.wav"]


def test_a_moved_file_keeps_its_clip(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tone(workplace.sounds / "z.wav", seconds=2)
    workplace.run()
    with open_store(workplace.store) as store:
        [before] = store.catalog.clips("test")
    (workplace.sounds / "new folder").mkdir()
    path.rename(workplace.sounds / "new folder" / "y.wav")
    monkeypatch.setattr(RetrievalModel, "embed_audio", lambda self, x: pytest.fail("nothing is new"))
    summary = workplace.run()
    assert (names(summary.unchanged), summary.moved, summary.missing) == ({"y.wav"}, 1, [])
    with open_store(workplace.store) as store:
        [after] = store.catalog.clips("test")
    assert (after.clip_id, after.path.name, after.status) == (before.clip_id, "y.wav", ClipStatus.INDEXED)


def test_a_file_where_a_moved_one_was_gets_a_clip_of_its_own(workplace: Workplace) -> None:
    path = write_tone(workplace.sounds / "b.wav", seconds=2, hz=300)
    workplace.run()
    path.rename(workplace.sounds / "c.wav")
    workplace.run()
    write_tone(path, seconds=2, hz=900)
    workplace.run()
    with open_store(workplace.store) as store:
        clips = {clip.path.name: clip.clip_id for clip in store.catalog.clips("test")}
    assert len(set(clips.values())) == 2
    assert workplace.best("b.wav")[0] == "b.wav"


def test_names_that_change_places_are_followed(workplace: Workplace) -> None:
    first = write_tone(workplace.sounds / "a.wav", seconds=2, hz=300)
    second = write_tone(workplace.sounds / "b.wav", seconds=2, hz=2000)
    workplace.run()
    first.rename(first.with_suffix(".tmp"))
    second.rename(first)
    first.with_suffix(".tmp").rename(second)
    for path, time_s in ((first, 1000), (second, 2000)):
        os.utime(path, (time_s, time_s))
    assert workplace.run().segments == 0
    with open_store(workplace.store, space=workplace.model.space) as store:
        for path in (first, second):
            best = search(store, audio_vector(workplace.model, path), filter=SearchFilter(library="test"))[0]
            assert (best.path, best.score) == (path, pytest.approx(1, abs=1e-4))


def test_silence_is_embedded_once(workplace: Workplace) -> None:
    soundfile.write(workplace.sounds / "hour.flac", np.zeros(16000 * 600, np.int16), 16000)
    embedded = []
    real = AudioEmbedder.submit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AudioEmbedder, "submit", lambda self, x: embedded.append(len(x)) or real(self, x))
        summary = workplace.run()
    assert summary.segments == 239
    assert embedded == [1]


def test_failed_files_are_tried_again_only_when_asked_or_changed(workplace: Workplace) -> None:
    bad = workplace.sounds / "bad.wav"
    bad.write_text("no sound")
    write_tone(workplace.sounds / "good.wav", seconds=1)
    workplace.run()
    info = bad.stat()
    write_tone(bad, seconds=1, hz=700)
    os.truncate(bad, info.st_size)
    bad.write_text("no sound")
    os.utime(bad, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert [(item.path.name, item.code) for item in workplace.run().failed] == [("bad.wav", "not_audio")]
    with open_store_for_writing(workplace.store) as store:
        seen: list[tuple[FileState, str]] = []
        summary = index_failed(
            store,
            workplace.model,
            library="test",
            on_report=lambda state, report: seen.append((state, report.path.name)),
        )
        assert store.catalog.failures("test")[0].examples == (bad,)
    assert seen == [(FileState.FAILED, "bad.wav")]
    assert summary.counts() == {"indexed": 0, "unchanged": 0, "skipped": 0, "failed": 1, "missing": 0}
    write_tone(bad, seconds=1, hz=700)
    assert names(workplace.run().indexed) == {"bad.wav"}


def test_a_run_is_kept_with_its_stages(workplace: Workplace) -> None:
    write_tone(workplace.sounds / "a.wav", seconds=1)
    workplace.run()
    with open_store(workplace.store) as store:
        run = store.catalog.last_run("test")
    assert run is not None
    assert run.counts["indexed"] == 1
    assert run.stages_s["decoding"] > 0
    assert set(run.stages_s) == {"scanning", "decoding", "waiting", "writing", "publishing"}


def test_a_decoder_that_dies_costs_one_file(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        write_tone(workplace.sounds / f"{number}.wav", seconds=1, hz=100 + 90 * number)
    killed: list[Path] = []
    real = prefetch._Worker._next

    def kill_once(worker: prefetch._Worker, process: "subprocess.Popen[bytes]") -> object:
        item = real(worker, process)
        if not killed and isinstance(item, FileFacts) and item.sha256 == digest_of_fifth:
            killed.append(workplace.sounds / "4.wav")
            process.kill()
        return item

    digest_of_fifth = hashlib.sha256((workplace.sounds / "4.wav").read_bytes()).hexdigest()
    monkeypatch.setattr(prefetch._Worker, "_next", kill_once)
    summary = workplace.run()
    assert killed
    assert [(item.path.name, item.code) for item in summary.failed] == [("4.wav", "decoder_crashed")]
    assert len(summary.indexed) == 8
    assert names(workplace.run().indexed) == {"4.wav"}, "tried again without being asked"


def test_a_decoder_that_hangs_is_stopped(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tone(workplace.sounds / "a.wav", seconds=1)
    monkeypatch.setattr(prefetch, "STALL_S", 0.0)
    assert [item.code for item in workplace.run().failed] == ["decoder_hung"]
