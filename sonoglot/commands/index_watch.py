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
    from indexer.build import FileReport, FileState, OnProgress, OnReport
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

    stopping = _Stopping()
    watch = LibraryWatch(
        store,
        model,
        library=library,
        folders=folders,
        plan=plan,
        prune=prune,
        on_open=stopping.begin_round(on_open),
        on_wait=lambda: click.echo("Another process is writing to the store; waiting for it.", err=True),
        on_progress=on_progress,
        on_report=stopping.between_files(on_report),
    )
    try:
        with stopping.on_signals(), closing(watch.rounds()) as rounds:
            click.echo("Watching until Ctrl-C.", err=True)
            for done in rounds:
                stopping.end_round()
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


class _Stopping:
    """Ends the watch on Ctrl-C and on SIGTERM, which stops services: at once while nothing is being done, and between
    two files of a round. Anywhere else an interruption may hit code that cannot be interrupted, and be lost there."""

    def __init__(self) -> None:
        self._is_asked = self._is_round = False

    def begin_round(self, on_open: "Callable[[Store], None]") -> "Callable[[Store], None]":
        def begin(store: "Store") -> None:
            self._is_round = True
            on_open(store)

        return begin

    def between_files(self, on_report: "OnReport") -> "OnReport":
        def report(state: "FileState", file: "FileReport") -> None:
            on_report(state, file)
            if self._is_asked:
                raise KeyboardInterrupt

        return report

    def end_round(self) -> None:
        self._is_round = False
        if self._is_asked:
            raise KeyboardInterrupt

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._is_asked = True
        if not self._is_round:
            raise KeyboardInterrupt
