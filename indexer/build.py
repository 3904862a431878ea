"""Brings a library up to date with paths: reads, decodes, embeds, writes, each stage timed.

Rules, as users meet them:
- A clip is embedded only if its audio is new: size and time first, then the file's SHA-256, then that of the decoded
  samples. Copies share what was embedded once, and a file that moved keeps its clip.
- A file that fails never stops the others. If it was indexed before and now cannot even be read, what was
  stored stays; if its content changed into something unusable, its old segments go, for they describe a sound
  that is no more. A failed file is tried again when it changed, when the reason may have passed, or when asked.
- A clip whose file is gone from below the given paths becomes *missing*: kept in the catalogue, never
  returned by a search, and back without any embedding if the file returns (think of a disk that was not
  mounted).
- A clip that a user deleted stays away, whatever is indexed above its file, until that file is named itself.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.catalog import check_library_name
from indexer.catalog_editing import take_back
from indexer.records import IndexRun
from indexer.run import Run
from indexer.scan import Scan, is_audio_name, is_visible
from indexer.store import Store
from indexer.summary import (
    FileReport,
    FileState,
    IndexProgress,
    IndexSummary,
    Ledger,
    OnProgress,
    OnReport,
    say_nothing,
    show_nothing,
)

if TYPE_CHECKING:
    from model.retrieval_model import RetrievalModel

__all__ = [
    "FileReport",
    "FileState",
    "IndexProgress",
    "IndexSummary",
    "OnProgress",
    "OnReport",
    "index_changes",
    "index_failed",
    "index_paths",
]


def index_paths(
    store: Store,
    model: "RetrievalModel",
    *,
    library: str,
    paths: Iterable[Path],
    retry_failed: bool = False,
    leave: Collection[Path] = (),
    on_progress: OnProgress = show_nothing,
    on_report: OnReport = say_nothing,
) -> IndexSummary:
    """Bring a library of a store up to date with files and folders. ``store`` must be open for writing.

    ``retry_failed`` tries failed files again even if they have not changed. Files in ``leave`` are left alone, and
    what is held of them stays. ``on_report`` hears of every path,
    as soon as it is decided. Roots that do not exist make nothing missing: a disk that is not mounted loses nothing.

    Raises:
        InvalidLibraryNameError: the name cannot be used.
        StoreError: the disk is full, or the like. Bad files never raise; they are in the summary.
    """
    check_library_name(library)
    ledger = Ledger(library, on_progress=on_progress, on_report=on_report)
    run = Run(store, model, library=library, ledger=ledger)
    scan = Scan(paths)
    take_back(store.catalog, library, scan.named_files)
    return _done(
        store,
        ledger,
        lambda: run.bring_up_to_date(scan, gone_below=scan.roots, retry_failed=retry_failed, leave=leave),
    )


def index_changes(
    store: Store,
    model: "RetrievalModel",
    *,
    library: str,
    folders: Sequence[Path],
    changed: Iterable[Path],
    leave: Collection[Path] = (),
    on_progress: OnProgress = show_nothing,
    on_report: OnReport = say_nothing,
) -> IndexSummary:
    """Bring up to date what lies at or below ``changed`` paths alone, as ``index_paths`` of ``folders`` would.

    Changed paths may be gone; those below a folder that is gone itself are left out. A folder behind a symbolic
    link, of which only a whole scan can tell under which name it counts, is taken under the name that is given.
    """
    check_library_name(library)
    here = [folder for folder in folders if folder.is_dir()]
    present: list[Path] = []
    may_be_gone: list[Path] = []
    for path in changed:
        if not is_visible(path, here):
            continue
        is_file = os.path.lexists(path) and not path.is_dir()
        if not is_file:
            may_be_gone.append(path)
        if path.is_dir() or (is_file and is_audio_name(os.fsencode(path))):
            present.append(path)
    scan = Scan(present)
    ledger = Ledger(library, on_progress=on_progress, on_report=on_report)
    run = Run(store, model, library=library, ledger=ledger)
    return _done(
        store,
        ledger,
        lambda: run.bring_up_to_date(scan, gone_below=may_be_gone, retry_failed=False, leave=leave),
    )


def index_failed(
    store: Store,
    model: "RetrievalModel",
    *,
    library: str,
    on_progress: OnProgress = show_nothing,
    on_report: OnReport = say_nothing,
) -> IndexSummary:
    """Try the failed files of a library again, and nothing else; LibraryNotFoundError without it."""
    store.catalog.library(library)
    ledger = Ledger(library, on_progress=on_progress, on_report=on_report)
    run = Run(store, model, library=library, ledger=ledger)
    return _done(store, ledger, run.try_failed)


def _done(store: Store, ledger: Ledger, work: Callable[[], None]) -> IndexSummary:
    """Do the work, publish it, and keep what the run did."""
    started, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    summary = ledger.summary
    work()
    store.catalog.forget_unused()
    with ledger.stage("publishing"):
        store.save_index()
    here = [item for item in store.catalog.libraries() if item.name == summary.library]
    summary.searchable = here[0].clips if here else 0
    summary.elapsed_s = time.monotonic() - started
    if here:
        store.catalog.put_run(
            IndexRun(
                library=summary.library,
                started_at=started_at,
                elapsed_s=summary.elapsed_s,
                counts=summary.counts(),
                stages_s=summary.stages_s,
            )
        )
    return summary
