"""Clips that were found lately are as the catalogue has them, whatever changed since and however many are asked for."""

from pathlib import Path

import pytest

from indexer.catalog_editing import delete_clip, describe_clip
from indexer.found_clips import FoundClips
from indexer.records import FoundClip, SearchFilter
from indexer.search import rank
from indexer.store import Store, open_store
from tests.indexer.test_store import AXES, SPACE, clip, content, fill

EVERYTHING = SearchFilter()


def test_what_is_held_is_what_the_catalogue_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same = content(AXES[0])
    fill(tmp_path, *((clip(f"{name}.wav"), same) for name in "cab"), (clip("d.wav"), content(AXES[1])))
    with open_store(tmp_path, space=SPACE) as store:
        contents = sorted(set(store.snapshot().base.content_ids.tolist()))
        asked = {"filter": EVERYTHING}
        truth = {most: store.catalog.found_clips_of(contents, most_each=most, **asked) for most in (1, 2, 5)}
        assert [each.path.name for each in truth[5][contents[0]]] == ["a.wav", "b.wav", "c.wav"]
        looked_up: list[int] = []
        look_up = store.catalog.found_clips_of
        monkeypatch.setattr(
            store.catalog,
            "found_clips_of",
            lambda ids, **asked: looked_up.extend(ids) or look_up(ids, **asked),
        )
        for most in (5, 2, 5, 1):
            assert store.found_clips.of(contents, generation=1, most_each=most, **asked) == truth[most]
        assert looked_up == contents
        store.found_clips.of(contents, generation=2, most_each=5, **asked)
        assert looked_up == contents * 2


def test_a_list_that_was_cut_short_is_not_taken_for_all(tmp_path: Path) -> None:
    same = content(AXES[0])
    fill(tmp_path, *((clip(f"{number}.wav"), same) for number in range(4)))
    with open_store(tmp_path, space=SPACE) as store:
        (content_id,) = set(store.snapshot().base.content_ids.tolist())
        found = FoundClips(store.catalog)
        counts = [
            len(found.of([content_id], generation=1, filter=EVERYTHING, most_each=most)[content_id])
            for most in (2, 4, 9)
        ]
    assert counts == [2, 4, 4]


def held_before(store: Store) -> list[int]:
    """Contents that need not be looked up after ``fill``."""
    snapshot = store.snapshot()
    found = FoundClips(store.catalog)
    found.fill(snapshot)
    contents = sorted(set(snapshot.base.content_ids.tolist() + snapshot.added.content_ids.tolist()))
    looked_up: list[int] = []

    def none(ids: list[int], **_: object) -> dict[int, list[FoundClip]]:
        looked_up.extend(ids)
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.catalog, "found_clips_of", none)
        found.of(contents, generation=snapshot.generation, filter=EVERYTHING, most_each=11)
    return [content_id for content_id in contents if content_id not in looked_up]


def test_a_library_is_looked_up_beforehand_unless_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, *((clip(f"{number}.wav"), content(AXES[number])) for number in range(3)))
    with open_store(tmp_path, space=SPACE) as store:
        everything = sorted(set(store.snapshot().base.content_ids.tolist()))
        assert held_before(store) == everything
        monkeypatch.setattr("indexer.found_clips._MOST_FILLED", 2)
        assert held_before(store) == []
        monkeypatch.setattr("indexer.found_clips._MOST_FILLED", 3)
        assert held_before(store) == everything
        monkeypatch.setattr("indexer.found_clips._FILLED_ROWS", 2)
        assert held_before(store) == []


def test_filters_are_held_apart(tmp_path: Path) -> None:
    fill(tmp_path, (clip("a.wav"), content(AXES[0])))
    with open_store(tmp_path, space=SPACE) as store:
        (content_id,) = store.snapshot().base.content_ids.tolist()
        found = FoundClips(store.catalog)
        short = SearchFilter(max_duration_s=0.0)
        for filter, there in ((EVERYTHING, 1), (short, 0), (EVERYTHING, 1), (short, 0)):
            held = found.of([content_id], generation=1, filter=filter, most_each=3)
            assert len(held[content_id]) == there


def test_no_number_of_filters_fills_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.found_clips._MOST_HELD", 10)
    fill(tmp_path, (clip("a.wav"), content(AXES[0])))
    with open_store(tmp_path, space=SPACE) as store:
        (content_id,) = store.snapshot().base.content_ids.tolist()
        found = FoundClips(store.catalog)
        for longest_s in range(100):
            asked = SearchFilter(max_duration_s=float(longest_s))
            for ids in ([], [content_id]):
                found.of(ids, generation=1, filter=asked, most_each=3)
                assert len(found._held.clips) <= 10


@pytest.mark.parametrize("change", ["describe", "delete"])
def test_a_change_is_seen_by_the_next_search(tmp_path: Path, change: str) -> None:
    fill(tmp_path, (clip("a.wav"), content(AXES[0])), (clip("b.wav"), content(AXES[1])))
    with open_store(tmp_path, space=SPACE) as store:
        before = rank(store, AXES[0], k=2).hits
        assert [hit.description.title for hit in before] == [None, None]
        if change == "describe":
            describe_clip(store.catalog, before[0].clip_id, {"title": "A door"})
            after = rank(store, AXES[0], k=2).hits
            assert [hit.description.title for hit in after] == ["A door", None]
        else:
            delete_clip(store.catalog, before[0].clip_id)
            after = rank(store, AXES[0], k=2).hits
            assert [hit.clip_id for hit in after] == [before[1].clip_id]
