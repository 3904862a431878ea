"""Filters: which clips pass, that k results come back when k exist, and what there is to filter by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.description import NOTHING, Description, describe, filter_key
from indexer.errors import InvalidQueryError, LibraryNotFoundError
from indexer.records import Clip, ClipStatus, SearchFilter, ValueCount
from indexer.search import search
from indexer.store import Store, open_store, open_store_for_writing
from tests.indexer.test_store import AXES, blend, clip, content, fill


def described(name: str, *, library: str = "sounds", duration_s: float = 10.0, **text: object) -> Clip:
    description = describe(**text)  # pyright: ignore[reportArgumentType]
    made = replace(clip(name, library=library), duration_s=duration_s)
    return replace(made, found_description=description, file_description=description)


def found(store: Store, **asked: object) -> list[str]:
    asked_for = SearchFilter(**asked)  # pyright: ignore[reportArgumentType]
    return [hit.path.relative_to("/sounds").as_posix() for hit in search(store, AXES[0], filter=asked_for)]


@pytest.fixture
def store_dir(tmp_path: Path) -> Path:
    fill(
        tmp_path,
        (described("dogs/a.wav", duration_s=2, tags=["Dog", "Park"], licence="CC0"), content(AXES[0])),
        (described("dogs/b.wav", duration_s=9, tags=["dog", "night"], licence="CC BY 4.0"), content(AXES[1])),
        (described("dogs_too.wav", duration_s=60, tags=["DOG"], category="ANIMALS"), content(AXES[2])),
        (described("dogs%.wav", library="more", category="Animals", tags=["Straße"]), content(AXES[3])),
    )
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "passing"),
    [
        ({"library": "more"}, ["dogs%.wav"]),
        ({"folder": Path("/sounds/dogs")}, ["dogs/a.wav", "dogs/b.wav"]),
        ({"folder": Path("/sounds/dog")}, []),
        ({"folder": Path("/sounds/dogs/a.wav")}, []),
        ({"folder": Path("/")}, ["dogs/a.wav", "dogs%.wav", "dogs/b.wav", "dogs_too.wav"]),
        ({"folder": Path("/sounds"), "library": "more"}, ["dogs%.wav"]),
        ({"min_duration_s": 9}, ["dogs%.wav", "dogs/b.wav", "dogs_too.wav"]),
        ({"max_duration_s": 9}, ["dogs/a.wav", "dogs/b.wav"]),
        ({"min_duration_s": 10, "max_duration_s": 10}, ["dogs%.wav"]),
        ({"tags": ("dog",)}, ["dogs/a.wav", "dogs/b.wav", "dogs_too.wav"]),
        ({"tags": (" DOG ", "Night")}, ["dogs/b.wav"]),
        ({"tags": ("do",)}, []),
        ({"tags": ("d%",)}, []),
        ({"tags": ("STRASSE",)}, ["dogs%.wav"]),
        ({"licence": "cc by 4.0"}, ["dogs/b.wav"]),
        ({"category": "animals"}, ["dogs%.wav", "dogs_too.wav"]),
        ({"category": "animals", "tags": ("dog",), "min_duration_s": 60}, ["dogs_too.wav"]),
        ({"licence": "' OR 1=1 --"}, []),
    ],
)
def test_a_filter_lets_pass_what_it_says(
    store_dir: Path, asked: dict[str, object], passing: list[str]
) -> None:
    with open_store(store_dir) as store:
        assert sorted(found(store, **asked)) == sorted(passing)


def test_as_many_come_back_as_were_asked_for_when_they_exist(tmp_path: Path) -> None:
    near = ((described(f"near{i:03}", tags=["common"]), content(AXES[0])) for i in range(300))
    far = ((described(f"far{i}", tags=["rare"]), content(blend(1, 2), AXES[3] * (i + 1))) for i in range(5))
    fill(tmp_path, *near, *far)
    with open_store(tmp_path) as store:
        assert found(store, tags=("rare",)) == [f"far{i}" for i in range(5)]
        assert len(search(store, AXES[0], filter=SearchFilter(tags=("rare",)), k=3)) == 3


def test_copies_share_their_audio_but_not_their_descriptions(tmp_path: Path) -> None:
    fill(
        tmp_path,
        (described("a", tags=["mine"]), content(AXES[0])),
        (described("b", tags=["yours"]), content(AXES[0])),
    )
    with open_store_for_writing(tmp_path) as store:
        assert found(store, tags=("yours",)) == ["b"]
        ids = store.catalog.matching_segment_ids(SearchFilter(tags=("yours",)))
        assert ids.tolist() == store.catalog.matching_segment_ids(SearchFilter()).tolist()
        assert len(ids) == 1
        store.catalog.put([(replace(described("b", tags=["yours"]), status=ClipStatus.MISSING), None)])
        assert found(store, tags=("yours",)) == []
        assert store.catalog.matching_segment_ids(SearchFilter(tags=("yours",))).tolist() == []


def test_segment_ids_ascend(tmp_path: Path) -> None:
    fill(
        tmp_path,
        *((described(f"{i}", tags=["x"]), content(AXES[i % 4], AXES[0] * i)) for i in range(9, 0, -1)),
    )
    with open_store(tmp_path) as store:
        ids = store.catalog.matching_segment_ids(SearchFilter(tags=("x",)))
    assert ids.dtype == np.int64
    assert len(ids) == 18
    assert (np.diff(ids) > 0).all()


def test_a_folder_is_of_bytes_and_not_of_characters(tmp_path: Path) -> None:
    names = ["caf\udce9/a", "café/b", "%/c", "_/d", "_x/e"]
    fill(tmp_path, *((clip(name), content(AXES[0] + i)) for i, name in enumerate(names)))
    with open_store(tmp_path) as store:
        for name in names:
            assert found(store, folder=Path("/sounds") / name.partition("/")[0]) == [name]


def test_an_unknown_library_is_named(store_dir: Path) -> None:
    with (
        open_store(store_dir) as store,
        pytest.raises(LibraryNotFoundError, match=r"'none'.*'more', 'sounds'"),
    ):
        found(store, library="none", tags=("dog",))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"folder": Path("sounds")}, "not absolute"),
        ({"min_duration_s": -1}, "at least 0"),
        ({"max_duration_s": float("nan")}, "at least 0"),
        ({"min_duration_s": 3, "max_duration_s": 2}, "at least 3 s and at most 2 s"),
        ({"tags": ("a",) * 21}, "at most 20 tags"),
        ({"tags": ("a", "\n")}, "empty"),
        ({"licence": ""}, "empty"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(asked: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidQueryError, match=said):
        SearchFilter(**asked)  # pyright: ignore[reportArgumentType]


def test_what_there_is_to_filter_by_is_counted(store_dir: Path) -> None:
    with open_store_for_writing(store_dir) as store:
        values = store.catalog.filter_values()
        assert [(count.value.casefold(), count.clips) for count in values.tags] == [
            ("dog", 3), ("night", 1), ("park", 1), ("strasse", 1),
        ]  # fmt: skip
        assert values.licences == (ValueCount(value="CC BY 4.0", clips=1), ValueCount(value="CC0", clips=1))
        assert [(count.value.upper(), count.clips) for count in values.categories] == [("ANIMALS", 2)]
        of_one = store.catalog.filter_values("more", most=1)
        assert of_one.tags == (ValueCount(value="Straße", clips=1),)
        assert of_one.licences == ()


def test_descriptions_are_kept_and_replaced_whole(tmp_path: Path) -> None:
    of_file = describe(title="A", description="d", artist="e", licence="CC0", category="c", tags=["x", "B"])
    shown = describe(title="Б", tags=["y"]).over(of_file)
    first = replace(clip("a"), found_description=shown, file_description=of_file)
    fill(tmp_path, (first, content(AXES[0])), (clip("plain"), content(AXES[1])))
    with open_store_for_writing(tmp_path) as store:
        held = store.catalog.clip(first.clip_id)
        assert (held.description, held.file_description) == (shown, of_file)
        assert held.description.tags == ("y",)
        assert store.catalog.clips("sounds")[1].description is NOTHING
        assert search(store, AXES[0])[0].description == shown
        store.catalog.put([(replace(first, found_description=of_file), None)])
        assert store.catalog.clip(first.clip_id).description == of_file
        assert found(store, tags=("y",)) == []
        assert found(store, tags=("b", "X")) == ["a"]
        store.catalog.remove_library("sounds")
        assert store.catalog.filter_values().tags == ()


def test_text_of_files_is_cleaned_and_bounded() -> None:
    made = describe(
        title="  Cafe\u0301\x00\n\tnoise\x1b[31m \u202egnp.exe",
        description="x" * 1_000_000,
        artist="\ud800\x07 ",
        tags=["Rain", "rain", "", " RAIN ", *(f"{i:03}" for i in range(100))],
    )
    assert made.title == "Café noise[31m gnp.exe"
    assert len(made.description or "") == 2000
    assert made.artist is None
    assert made.tags == (*(f"{i:03}" for i in range(49)), "Rain")
    assert describe(title="می‌خواهم 👩‍🚒").title == "می‌خواهم 👩‍🚒", "joiners are no control characters"
    assert describe(title=" ", tags=["\n"]) is NOTHING
    assert filter_key(" Straße\tÉ") == filter_key("STRASSE é")


def test_what_one_source_lacks_another_fills() -> None:
    table = describe(title="T", tags=["t"])
    file = describe(title="F", artist="A", tags=["f", "g"])
    assert table.over(file) == Description(title="T", artist="A", tags=("t",))
    assert NOTHING.over(file) == file
    assert file.over(NOTHING) is file
