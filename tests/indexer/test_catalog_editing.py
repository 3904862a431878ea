"""What users change besides indexing: it shows at once, outlives every run, and meets runs that are under way."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.build import IndexSummary, index_paths
from indexer.catalog import Catalog
from indexer.catalog_editing import create_library, delete_clip, describe_clip
from indexer.clip_pages import clip_page
from indexer.description import NOTHING, describe
from indexer.errors import (
    ClipNotFoundError,
    InvalidLibraryNameError,
    LibraryExistsError,
    LibraryNotFoundError,
    StoreBusyError,
    StoreError,
)
from indexer.records import Clip, ClipStatus, SearchFilter
from indexer.search import search
from indexer.store import Store, open_catalog_for_writing, open_store, open_store_for_writing
from model.retrieval_model import RetrievalModel
from tests.indexer.sounds import write_tone


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for number, name in enumerate(("a.wav", "b.wav", "c.wav")):
        write_tone(tmp_path / "sounds" / name, seconds=0.5, hz=300 + 100 * number)
    (tmp_path / "sounds" / "metadata.csv").write_text("file,title,tags\na.wav,table,dog\n")
    return tmp_path / "sounds"


@pytest.fixture
def store(model: RetrievalModel, sounds: Path) -> Iterator[Store]:
    with open_store_for_writing(sounds.parent / "store", space=model.space) as opened:
        index_paths(opened, model, library="test", paths=[sounds])
        yield opened


def again(store: Store, model: RetrievalModel, *paths: Path) -> IndexSummary:
    return index_paths(store, model, library="test", paths=paths)


def clips(store: Store) -> dict[str, Clip]:
    return {clip.path.name: clip for clip in store.catalog.clips("test")}


def found(store: Store, **asked: object) -> set[str]:
    vector = store.catalog.segments_of(clips(store)["b.wav"].clip_id).vectors[0]
    filter = SearchFilter(**asked)  # pyright: ignore[reportArgumentType]
    return {hit.path.name for hit in search(store, vector, filter=filter)}


def test_what_a_user_says_lies_over_all_else_and_outlives_indexing(
    store: Store, model: RetrievalModel, sounds: Path
) -> None:
    first = clips(store)["a.wav"]
    made = describe_clip(
        store.catalog, first.clip_id, {"title": " Mine\n", "licence": "CC0", "tags": ["Owl"]}
    )
    assert made.description == describe(title="Mine", licence="CC0", tags=["Owl"])
    assert found(store, tags=("owl",)) == found(store, licence="cc0") == {"a.wav"}
    assert found(store, tags=("dog",)) == set()
    assert [count.value for count in store.catalog.filter_values("test").tags] == ["Owl"]

    (sounds / "metadata.csv").write_text("file,title,artist,tags\na.wav,new,Ana,cat\n")
    assert again(store, model, sounds).redescribed == 1
    assert again(store, model, sounds).redescribed == 0, "what a user said is no change of the file's"
    assert clips(store)["a.wav"].description == replace(made.description, artist="Ana")

    write_tone(sounds / "a.wav", seconds=0.7, hz=900)
    assert again(store, model, sounds).counts()["indexed"] == 1
    (sounds / "a.wav").rename(sounds / "moved.wav")
    assert again(store, model, sounds).moved == 1
    moved = clips(store)["moved.wav"]
    assert (moved.clip_id, moved.description.title) == (first.clip_id, "Mine")
    (sounds / "moved.wav").rename(sounds / "a.wav")
    again(store, model, sounds)

    said = describe_clip(store.catalog, first.clip_id, {"title": None, "tags": [], "licence": "\x00"})
    assert said.description == describe(title="new", artist="Ana", tags=["cat"])
    assert said.own_description == NOTHING
    assert clips(store)["a.wav"].description == said.description
    with pytest.raises(ClipNotFoundError):
        describe_clip(store.catalog, "none", {"title": "x"})


def test_a_run_that_read_a_clip_before_it_was_described_or_deleted_changes_neither(store: Store) -> None:
    before = clips(store)
    describe_clip(store.catalog, before["a.wav"].clip_id, {"title": "Mine"})
    delete_clip(store.catalog, before["b.wav"].clip_id)
    store.catalog.put([(clip, None) for clip in before.values()])
    assert clips(store)["a.wav"].description.title == "Mine"
    assert set(clips(store)) == {"a.wav", "c.wav"}


def test_a_deleted_clip_stays_away_until_its_file_is_named(
    store: Store, model: RetrievalModel, sounds: Path
) -> None:
    vector = store.catalog.segments_of(clips(store)["b.wav"].clip_id).vectors[0]
    gone = clips(store)["b.wav"].clip_id
    with open_store(store.directory) as reader:
        assert search(reader, vector, k=1)[0].path.name == "b.wav"
        delete_clip(store.catalog, gone)
        assert {hit.path.name for hit in search(reader, vector)} == {"a.wav", "c.wav"}
        assert len(search(reader, vector, k=1)) == 1
    for clip_id in (gone, "none"):
        with pytest.raises(ClipNotFoundError):
            delete_clip(store.catalog, clip_id)
    summary = again(store, model, sounds)
    assert [report.path.name for report in summary.skipped if "deleted" in (report.reason or "")] == ["b.wav"]
    assert store.catalog.segment_count() == 2, "what it sounded like was forgotten by the run"
    assert (sounds / "b.wav").exists()
    assert again(store, model, sounds / "b.wav").counts()["indexed"] == 1
    assert again(store, model, sounds).counts()["unchanged"] == 3


def test_libraries_are_made_empty_and_once(store: Store) -> None:
    create_library(store.catalog, "звуки / 音")
    assert [library.name for library in store.catalog.libraries()] == ["test", "звуки / 音"]
    with pytest.raises(LibraryExistsError, match="test"):
        create_library(store.catalog, "test")
    for name in ("", " x", "..", "a\nb", "x" * 101):
        with pytest.raises(InvalidLibraryNameError):
            create_library(store.catalog, name)


def test_pages_stay_where_they_are_while_clips_come_and_go(
    store: Store, model: RetrievalModel, sounds: Path
) -> None:
    first = clip_page(store.catalog, "test", most=2)
    assert [clip.path.name for clip in first.clips] == ["a.wav", "b.wav"]
    write_tone(sounds / "0.wav", seconds=0.5)
    again(store, model, sounds)
    delete_clip(store.catalog, clips(store)["b.wav"].clip_id)
    rest = clip_page(store.catalog, "test", most=2, after=first.last)
    assert ([clip.path.name for clip in rest.clips], rest.last) == (["c.wav"], None)
    assert clip_page(store.catalog, "test", most=3).last is None, (
        "a full page with nothing behind it is the last"
    )
    store.catalog.mark_missing([clips(store)["c.wav"].clip_id])
    missing = clip_page(store.catalog, "test", most=9, status=ClipStatus.MISSING)
    assert [clip.path.name for clip in missing.clips] == ["c.wav"]
    with pytest.raises(LibraryNotFoundError):
        clip_page(store.catalog, "other", most=1)


def test_a_clip_that_is_missing_is_not_counted_by_its_tags(
    store: Store, model: RetrievalModel, sounds: Path
) -> None:
    (sounds / "a.wav").rename(sounds.parent / "away.wav")
    again(store, model, sounds)
    assert store.catalog.filter_values("test").tags == ()
    (sounds.parent / "away.wav").rename(sounds / "a.wav")
    again(store, model, sounds)
    assert [count.value for count in store.catalog.filter_values("test").tags] == ["dog"]


def older(store_directory: Path) -> Path:
    """Take away from a catalogue what an older Sonoglot did not know of."""
    path = store_directory / "catalog.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE deleted_clips")
        for column in ("own_description", "found_description"):
            connection.execute(f"ALTER TABLE clips DROP COLUMN {column}")
    return path


@pytest.mark.parametrize("opening", [open_store, open_store_for_writing])
def test_a_store_of_an_older_sonoglot_is_opened_and_added_to(
    model: RetrievalModel, sounds: Path, opening: object
) -> None:
    directory = sounds.parent / "store"
    with open_store_for_writing(directory, space=model.space) as made:
        again(made, model, sounds)
    older(directory)
    with opening(directory) as store:  # pyright: ignore[reportCallIssue]
        clip = clips(store)["a.wav"]
        assert clip.description == describe(title="table", tags=["dog"])
        assert describe_clip(store.catalog, clip.clip_id, {"title": "x"}).description.title == "x"


def test_an_older_store_that_cannot_be_added_to_says_what_to_do(
    model: RetrievalModel, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = sounds.parent / "store"
    with open_store_for_writing(directory, space=model.space) as made:
        again(made, model, sounds)
    path = older(directory)
    monkeypatch.setattr("indexer.catalog._BUSY_TIMEOUT_MS", 1)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="sonoglot status"), open_store(directory):
            pass


def test_what_lasts_long_is_told_as_busy(store: Store, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.catalog._BUSY_TIMEOUT_MS", 1)
    catalog = Catalog(store.directory / "catalog.sqlite")
    with sqlite3.connect(store.directory / "catalog.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            create_library(catalog, "later")
    create_library(catalog, "later")
    catalog.close()
    monkeypatch.setattr("indexer.store._LOCK_WAIT_S", 0.01)
    with pytest.raises(StoreBusyError), open_catalog_for_writing(store.directory):
        pass
