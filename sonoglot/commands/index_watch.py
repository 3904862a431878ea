"""``sonoglot index --watch``: stay, and say a line each time the library was brought up to date."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from indexer.build import OnProgress, OnReport
    from indexer.store import Store
    from indexer.watching import Round, WatchPlan
    from model.retrieval_model import RetrievalModel


def watch_library(
    store: Path,
    model: "RetrievalModel",
    *,
    library: str,
    folders: list[Path],
    plan: "WatchPlan",
    prune: bool,
    on_open: "Callable[[Store], None]",
    on_progress: "OnProgress",
    on_report: "OnReport",
    show: "Callable[[Round], None]",
) -> None:
    """Keep a library current until Ctrl-C or SIGTERM; ``show`` is called after each round."""
    from indexer.watching import LibraryWatch

    watch = LibraryWatch(
        store,
        model,
        library=library,
        folders=folders,
        plan=plan,
        prune=prune,
        on_open=on_open,
        on_wait=lambda: click.echo("Another process is writing to the store; waiting for it.", err=True),
        on_progress=on_progress,
        on_report=on_report,
    )
    try:
        with _sigterm_interrupts(), closing(watch.rounds()) as rounds:
            click.echo("Watching until Ctrl-C.", err=True)
            for done in rounds:
                show(done)
    except KeyboardInterrupt:
        click.echo("Stopped watching. All that was indexed is kept.", err=True)


def line(done: "Round") -> str:
    """What a round did, for people."""
    summary = done.summary
    told = [f"{count} {state}" for state, count in summary.counts().items() if count]
    if summary.moved:
        told.append(f"{summary.moved} moved")
    if done.pruned:
        told.append(f"{done.pruned} forgotten")
    scope = "all" if done.everything else "changes"
    return (
        f"{datetime.now():%H:%M:%S} {scope}: {', '.join(told) or 'no files'}; "
        f"{summary.searchable} clips can be searched ({summary.elapsed_s:.1f} s)"
    )


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """What stops a service ends this one as Ctrl-C does: committed and published."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
