"""Keeps a library current: learns what changed below folders, waits until it has come to rest, and indexes it.

The system tells of changes (``watchfiles``: inotify and its like, or polling where there is none, as on network
disks). What it may lose is found by looking through everything from time to time: when the watcher failed, when a
folder was mounted or put in the place of another, where folders are reached through links (then two paths lead to a
file, and only a whole scan tells which one counts), and every so many seconds. The store is open for writing only
while something is brought up to date, so that other commands can write in between.
"""

import os
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import watchfiles
from watchfiles.main import FileChange

from indexer.build import index_changes, index_paths
from indexer.catalog import Catalog
from indexer.description_tables import TABLE_NAMES
from indexer.errors import StoreBusyError, WatchError
from indexer.scan import Scan, is_audio_name, is_visible
from indexer.settling import Changes, Settling
from indexer.store import Store, open_store_for_writing
from indexer.summary import IndexSummary, OnProgress, OnReport, say_nothing, show_nothing

if TYPE_CHECKING:
    from model.retrieval_model import RetrievalModel

_POLL_S = 0.3


@dataclass(frozen=True, kw_only=True)
class WatchPlan:
    """``settle_s``: so long a file must stay as it is before it is read. ``rescan_s``: how often everything is
    looked through whatever was told. ``poll_s``: look for changes so often instead of being told by the system;
    None leaves the choice to watchfiles (and its WATCHFILES_FORCE_POLLING)."""

    settle_s: float = 2.0
    rescan_s: float = 3600.0
    poll_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Round:
    """What was brought up to date once. ``everything`` was looked through, or only what had changed.

    ``pruned`` clips, whose files are gone, were forgotten.
    """

    summary: IndexSummary
    everything: bool
    pruned: int


class LibraryWatch:
    """Brings a library up to date with folders, again and again. Not safe to use from several threads."""

    def __init__(
        self,
        store_directory: Path,
        model: "RetrievalModel",
        *,
        library: str,
        folders: list[Path],
        plan: WatchPlan,
        prune: bool = False,
        on_open: Callable[[Store], None] = lambda store: None,
        on_wait: Callable[[], None] = lambda: None,
        on_progress: OnProgress = show_nothing,
        on_report: OnReport = say_nothing,
    ) -> None:
        """``on_open`` is given the store whenever it was opened. ``on_wait`` is called when another process is
        writing to it, once each time. ``on_progress`` hears of whole scans alone.

        Raises:
            WatchError: a path is no folder.
        """
        self._store_directory = Path(os.path.abspath(store_directory))
        self._model = model
        self._library = library
        self._folders = [Path(os.path.abspath(folder)) for folder in folders]
        self._plan = plan
        self._prune = prune
        self._on_open = on_open
        self._on_wait = on_wait
        self._on_progress = on_progress
        self._on_report = on_report
        self._has_links = False
        for folder in self._folders:
            if not folder.is_dir():
                raise WatchError(f"{str(folder)!r} is no folder; only folders can be watched.")
        self._devices = _devices(self._folders)

    def rounds(self) -> Generator[Round, None, None]:
        """Yield what each round did, the first at once and over everything; ends only when it is closed.

        When interrupted in the middle of a round, what is embedded is kept and published.

        Raises:
            WatchError: the system refuses to watch.
            StoreError: as in ``index_paths``.
        """
        with closing(changes_below(self._folders, self._plan)) as changes:
            for item in changes:
                done = self._bring_up_to_date(item)
                if done is not None:
                    yield done

    def _bring_up_to_date(self, changes: Changes) -> Round | None:
        paths = None if changes.paths is None else self._of_interest(changes.paths)
        if paths is not None and not paths:
            return None
        if paths is not None and (self._has_links or _lead_through_links(paths, self._folders)):
            paths = None
        with ExitStack() as stack:
            store = self._open(stack)
            self._on_open(store)
            try:
                summary = self._index(store, paths, changes.restless)
            except KeyboardInterrupt:
                store.save_index()
                raise
            pruned = self._forget_missing(store) if self._prune else 0
        if paths is None:
            self._has_links = summary.linked_folders > 0
        return Round(summary=summary, everything=paths is None, pruned=pruned)

    def _forget_missing(self, store: Store) -> int:
        if _devices(self._folders) != self._devices:
            return 0  # A disk that went away must not cost what was indexed of it.
        pruned = store.catalog.remove_missing(self._library)
        if pruned:
            store.save_index()
        return pruned

    def _index(self, store: Store, paths: list[Path] | None, restless: frozenset[Path]) -> IndexSummary:
        if paths is None:
            return index_paths(
                store,
                self._model,
                library=self._library,
                paths=self._folders,
                leave=restless,
                on_progress=self._on_progress,
                on_report=self._on_report,
            )
        return index_changes(
            store,
            self._model,
            library=self._library,
            folders=self._folders,
            changed=paths,
            leave=restless,
            on_report=self._on_report,
        )

    def _open(self, stack: ExitStack) -> Store:
        opening, told = open_store_for_writing(self._store_directory, space=self._model.space), False
        while True:
            try:
                return stack.enter_context(opening)
            except StoreBusyError:
                if not told:
                    self._on_wait()
                told = True
                opening = open_store_for_writing(self._store_directory, space=self._model.space)

    def _of_interest(self, changed: frozenset[Path]) -> list[Path]:
        """Without what no scan would take, so that the store stays closed for the work of other programs."""
        found: list[Path] = []
        with closing(Catalog(self._store_directory / "catalog.sqlite")) as catalog:
            for path in sorted(changed):
                if not is_visible(path, self._folders) or path.is_relative_to(self._store_directory):
                    continue
                if path.name in TABLE_NAMES:  # It describes what lies in its folder and below.
                    found.append(path.parent)
                    continue
                if os.path.lexists(path) and not path.is_dir():
                    is_of_interest = is_audio_name(os.fsencode(path))
                else:
                    is_of_interest = any(catalog.clips_below(self._library, path)) or Scan([path]).count() > 0
                if is_of_interest:
                    found.append(path)
        return found


def changes_below(
    folders: list[Path], plan: WatchPlan, *, clock: Callable[[], float] = time.monotonic
) -> Generator[Changes, None, None]:
    """Yield what may have changed below folders: first anything, and then whatever has come to rest.

    Changes are noticed from before the first value on; what happens while the caller works comes afterwards.
    """
    settling, rescan_at = Settling(settle_s=plan.settle_s), clock()
    with closing(_told(folders, plan)) as reports:
        for report in reports:
            if report is None:
                settling.add_anything(now=clock())
            else:
                settling.add(report, now=clock())
            is_rescan = clock() >= rescan_at
            changes = settling.due(now=clock(), anything=is_rescan)
            if changes is not None:
                yield changes
            if is_rescan:
                rescan_at = clock() + plan.rescan_s


def _told(folders: list[Path], plan: WatchPlan) -> Generator[list[Path] | None, None, None]:
    """What the system says: changed paths, none after each ``settle_s`` of silence, and None if it lost track.

    The first value comes when the watch has begun.
    """
    while True:
        before = _identities(folders)
        there = [folder for folder in folders if folder.is_dir()]
        has_begun = False
        try:
            with closing(_watch(there, plan)) as told:
                for changes in told:
                    if not has_begun:
                        has_begun = True
                        yield None
                    yield [Path(name) for _, name in changes]
                    if _identities(folders) != before:
                        break  # Mounted, unmounted or replaced: the system watches what was there before.
        except FileNotFoundError:
            continue
        except (OSError, RuntimeError, ValueError) as error:
            if has_begun and isinstance(error, RuntimeError):
                continue  # watchfiles gives up over a name that is not UTF-8.
            raise WatchError(
                f"The system cannot watch these folders: {error}. Where it is a limit, raise it (Linux: "
                "sysctl fs.inotify.max_user_watches), or let them be polled with --poll SECONDS."
            ) from error


def _watch(folders: list[Path], plan: WatchPlan) -> Generator[set[FileChange], None, None]:
    if not folders:
        while True:  # Until one is there, which the caller sees.
            time.sleep(plan.settle_s)
            yield set()
    poll_s = _POLL_S if plan.poll_s is None else plan.poll_s
    yield from watchfiles.watch(
        *folders,
        watch_filter=None,  # A filter would keep silence from being told.
        rust_timeout=max(1, round(plan.settle_s * 1000)),
        yield_on_timeout=True,
        force_polling=None if plan.poll_s is None else True,
        poll_delay_ms=max(1, round(poll_s * 1000)),
        ignore_permission_denied=True,
    )


def _lead_through_links(paths: list[Path], folders: list[Path]) -> bool:
    """Whether folders are come to through links, at or below the paths or on the way to them."""
    for path in paths:
        on_the_way = [place for place in (path, *path.parents) if place not in folders]
        if any(place.is_symlink() and place.is_dir() for place in on_the_way if is_visible(place, folders)):
            return True
    scan = Scan(path for path in paths if path.is_dir())
    scan.count()
    return scan.linked_folders > 0


def _devices(folders: list[Path]) -> list[int | None]:
    return [None if identity is None else identity[0] for identity in _identities(folders)]


def _identities(folders: list[Path]) -> list[tuple[int, int] | None]:
    """Device and inode of each folder; None where there is none."""
    found: list[tuple[int, int] | None] = []
    for folder in folders:
        try:
            info = os.stat(folder)
        except OSError:
            found.append(None)
        else:
            found.append((info.st_dev, info.st_ino))
    return found
