"""Watching real folders: what is told, and that what changed alone gives what a whole run would have given."""

import os
import signal
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest

from indexer.build import IndexSummary, index_changes, index_paths
from indexer.errors import WatchError
from indexer.records import ClipStatus
from indexer.settling import Changes
from indexer.store import Store, open_store_for_writing
from indexer.watching import LibraryWatch, Round, WatchPlan, changes_below
from model.retrieval_model import RetrievalModel
from tests.indexer.sounds import write_tone

QUICK = WatchPlan(settle_s=0.1)
POLLED = WatchPlan(settle_s=0.1, poll_s=0.05)


@pytest.fixture(autouse=True)
def deadline() -> Generator[None, None, None]:
    """What is never told ends the test, not only the patience of who runs it."""

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("nothing was told in time")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def all_told(changes: Generator[Changes, None, None], wanted: Iterable[Path]) -> None:
    """Wait until all of these paths were told."""
    left = set(wanted)
    while left:
        told = next(changes)
        assert told.paths is not None
        left -= told.paths


@pytest.mark.parametrize("plan", [QUICK, POLLED])
def test_changes_are_told_from_the_beginning_on(tmp_path: Path, plan: WatchPlan) -> None:
    sounds = tmp_path / "sounds"
    (sounds / "sub").mkdir(parents=True)
    with closing(changes_below([sounds], plan)) as changes:
        assert next(changes) == Changes(paths=None), "first everything"
        file = sounds / "sub" / "a.wav"
        file.write_bytes(b"x")
        all_told(changes, [file])
        file.rename(sounds / "b.wav")
        all_told(changes, [file, sounds / "b.wav"])
        (sounds / "b.wav").unlink()
        all_told(changes, [sounds / "b.wav"])


def test_a_folder_that_is_put_in_the_place_of_another_is_watched(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    with closing(changes_below([sounds], QUICK)) as changes:
        next(changes)
        sounds.rename(tmp_path / "away")
        while next(changes).paths is not None:
            pass
        sounds.mkdir()
        while next(changes).paths is not None:
            pass
        (sounds / "a.wav").write_bytes(b"x")
        all_told(changes, [sounds / "a.wav"])


def test_a_name_that_is_no_text_has_everything_looked_through(tmp_path: Path) -> None:
    with closing(changes_below([tmp_path], QUICK)) as changes:
        next(changes)
        with open(os.fsencode(tmp_path) + b"/caf\xe9.wav", "wb"):
            pass
        while next(changes).paths is not None:
            pass


def test_everything_is_looked_through_from_time_to_time(tmp_path: Path) -> None:
    times = iter(range(0, 1_000_000, 60))  # each look at the clock is a minute later
    plan = WatchPlan(settle_s=0.05, rescan_s=3600)
    with closing(changes_below([tmp_path], plan, clock=lambda: float(next(times)))) as changes:
        assert next(changes) == Changes(paths=None)
        before = next(times)
        assert next(changes) == Changes(paths=None)
        assert next(times) - before >= 3600


class Sounds:
    """A folder, and a store that is brought up to date with changed paths."""

    def __init__(self, folder: Path, store: Store, model: RetrievalModel) -> None:
        self.folder = folder / "sounds"
        self.store = store
        self.model = model

    def write(self, name: str, *, hz: float) -> Path:
        return write_tone(self.folder / name, seconds=0.5, hz=hz)

    def index(self) -> IndexSummary:
        return index_paths(self.store, self.model, library="test", paths=[self.folder])

    def change(self, *paths: Path, leave: Iterable[Path] = ()) -> dict[str, int]:
        summary = index_changes(
            self.store,
            self.model,
            library="test",
            folders=[self.folder],
            changed=paths,
            leave=frozenset(leave),
        )
        return {state: count for state, count in summary.counts().items() if count} | (
            {"moved": summary.moved} if summary.moved else {}
        )

    def found(self) -> list[str]:
        clips = self.store.catalog.clips("test")
        return [
            str(clip.path.relative_to(self.folder)) for clip in clips if clip.status is ClipStatus.INDEXED
        ]


@pytest.fixture
def sounds(tmp_path: Path, model: RetrievalModel) -> Generator[Sounds, None, None]:
    with open_store_for_writing(tmp_path / "store", space=model.space) as store:
        made = Sounds(tmp_path, store, model)
        for number, name in enumerate(("a.wav", "b.wav", "old/c.wav", "old/d.wav")):
            made.write(name, hz=200 + 100 * number)
        assert made.index().counts()["indexed"] == 4
        yield made


def test_only_what_changed_is_looked_at(sounds: Sounds) -> None:
    folder = sounds.folder
    (folder / "b.wav").unlink()
    sounds.write("old/d.wav", hz=1500)
    new, hidden, other = sounds.write("new.wav", hz=1600), sounds.write(".x/e.wav", hz=99), folder / "a.txt"
    other.touch()
    assert sounds.change(new, hidden, other) == {"indexed": 1}
    assert sounds.change(folder / "b.wav") == {"missing": 1}
    assert sounds.change(folder / "old" / "d.wav", folder / "never.wav") == {"indexed": 1}
    assert sounds.found() == ["a.wav", "new.wav", "old/c.wav", "old/d.wav"]
    whole = sounds.index().counts()
    assert (whole["unchanged"], whole["missing"], whole["indexed"]) == (4, 1, 0), "nothing was left to do"


def test_a_folder_that_moves_takes_its_clips_along(sounds: Sounds) -> None:
    (sounds.folder / "old").rename(sounds.folder / "newer")
    assert sounds.change(sounds.folder / "old", sounds.folder / "newer") == {"unchanged": 2, "moved": 2}
    assert sounds.found() == ["a.wav", "b.wav", "newer/c.wav", "newer/d.wav"]
    (sounds.folder / "newer").rename(sounds.folder.parent / "away")
    assert sounds.change(sounds.folder / "newer") == {"missing": 2}
    (sounds.folder.parent / "away").rename(sounds.folder / "back")
    assert sounds.change(sounds.folder / "back") == {"unchanged": 2, "moved": 2}


def test_a_file_that_is_still_written_is_left_alone(sounds: Sounds) -> None:
    half, whole = sounds.folder / "new" / "half.wav", sounds.write("new/whole.wav", hz=777)
    half.write_bytes(whole.read_bytes()[:5000])
    assert sounds.change(half.parent, leave=[half]) == {"indexed": 1}
    (sounds.folder / "a.wav").unlink()
    summary = index_paths(
        sounds.store,
        sounds.model,
        library="test",
        paths=[sounds.folder],
        leave=[half, sounds.folder / "a.wav"],
    )
    assert (summary.counts()["failed"], summary.counts()["missing"]) == (0, 0)


def test_when_the_folder_itself_is_gone_nothing_is_missing(sounds: Sounds) -> None:
    sounds.folder.rename(sounds.folder.with_name("unmounted"))
    assert sounds.change(sounds.folder, sounds.folder / "a.wav") == {}
    assert len(sounds.found()) == 4


class Watched:
    """A watch whose rounds are asked for one by one."""

    def __init__(self, folder: Path, model: RetrievalModel, *, prune: bool = False) -> None:
        self.sounds = folder / "sounds"
        self.sounds.mkdir()
        self.watch = LibraryWatch(
            folder / "store",
            model,
            library="test",
            folders=[self.sounds],
            plan=QUICK,
            prune=prune,
        )
        self.rounds = self.watch.rounds()

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.rounds.close()

    def until(self, state: str) -> Round:
        """The next round in which there is a file in this state."""
        while True:
            done = next(self.rounds)
            if done.summary.counts()[state]:
                return done


def test_behind_links_everything_is_looked_through(tmp_path: Path, model: RetrievalModel) -> None:
    """A file that two paths lead to stays one clip, by whichever path its change is told."""
    with Watched(tmp_path, model) as watched:
        write_tone(watched.sounds / "z" / "a.wav", seconds=0.5)
        (watched.sounds / "link").symlink_to(watched.sounds / "z")
        assert next(watched.rounds).summary.linked_folders == 1
        write_tone(watched.sounds / "z" / "b.wav", seconds=0.5, hz=900)
        done = watched.until("indexed")
        assert done.everything
        assert [report.path for report in done.summary.indexed] == [watched.sounds / "link" / "b.wav"]


def test_a_table_that_is_renamed_changes_what_it_described(tmp_path: Path, model: RetrievalModel) -> None:
    with Watched(tmp_path, model) as watched:
        write_tone(watched.sounds / "below" / "a.wav", seconds=0.5)
        draft, table = tmp_path / "draft.csv", watched.sounds / "sonoglot.csv"
        draft.write_text("file,title\nbelow/a.wav,A\n")
        next(watched.rounds)
        for here, there in ((draft, table), (table, watched.sounds / "old.csv")):
            here.rename(there)
            done = next(done for done in watched.rounds if done.summary.redescribed)
            assert (done.everything, done.summary.counts()["unchanged"]) == (False, 1)


def test_a_link_to_a_folder_that_appears_has_everything_looked_through(
    tmp_path: Path, model: RetrievalModel
) -> None:
    with Watched(tmp_path, model) as watched:
        write_tone(tmp_path / "elsewhere" / "a.wav", seconds=0.5)
        assert next(watched.rounds).everything
        write_tone(watched.sounds / "b.wav", seconds=0.5, hz=900)
        assert not watched.until("indexed").everything
        (watched.sounds / "link").symlink_to(tmp_path / "elsewhere")
        assert watched.until("indexed").everything


def test_clips_are_forgotten_when_asked_but_not_those_of_a_disk_that_went_away(
    tmp_path: Path, model: RetrievalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Watched(tmp_path, model, prune=True) as watched:
        for name in ("a.wav", "b.wav"):
            write_tone(watched.sounds / name, seconds=0.5)
        next(watched.rounds)
        (watched.sounds / "a.wav").unlink()
        assert watched.until("missing").pruned == 1
        # What a mount over the folder looks like: it lies on another device.
        monkeypatch.setattr("indexer.watching._devices", lambda folders: [-1])
        (watched.sounds / "b.wav").unlink()
        assert watched.until("missing").pruned == 0


def test_only_folders_can_be_watched(tmp_path: Path, model: RetrievalModel) -> None:
    path = write_tone(tmp_path / "a.wav", seconds=0.5)
    for folder in (path, tmp_path / "none"):
        with pytest.raises(WatchError, match=folder.name):
            LibraryWatch(tmp_path / "store", model, library="test", folders=[folder], plan=QUICK)
