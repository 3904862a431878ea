"""``sonoglot index``: bring a library up to date with files and folders."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoglot.commands.index_watch import line, watch_library
from sonoglot.commands.remove import forget_missing
from sonoglot.options import DEFAULT_STORE, IndexKindOption, JsonOption, ModelOption, StoreOption, index_kind
from sonoglot.output import fail, print_json, print_json_line

if TYPE_CHECKING:
    from indexer.summary import FileReport, FileState, IndexProgress, IndexSummary, OnReport
    from indexer.watching import Round

_EXAMPLES_SHOWN = 10


def index(
    library: Annotated[str, typer.Option("--library", metavar="NAME", help="Library to put the clips into.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Audio files, or folders to search for them."),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Try failed files again; without PATH, nothing but them."),
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Forget clips whose files are gone, after saying how many.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before forgetting.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write what became of each file, as JSON lines (--json lists the first 1,000 of each state).",
        ),
    ] = None,
    index: IndexKindOption = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Stay, and keep the library current as files below the folders change."),
    ] = False,
    settle_s: Annotated[
        float,
        typer.Option(
            "--settle", metavar="SECONDS", min=0.1, help="With --watch: how long a file must rest first."
        ),
    ] = 2.0,
    rescan_min: Annotated[
        float,
        typer.Option(
            "--rescan", metavar="MINUTES", min=0.1, help="With --watch: look through everything so often."
        ),
    ] = 60.0,
    poll_s: Annotated[
        float | None,
        typer.Option(
            "--poll",
            metavar="SECONDS",
            min=0.1,
            help="With --watch: look for changes so often, where the system tells of none (network disks).",
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Index audio files into a library; run again, it embeds only what changed.

    A file that was moved keeps its clip; a clip whose file is gone is kept as missing and no longer found.
    """
    from indexer.build import index_failed, index_paths
    from indexer.catalog import check_library_name
    from indexer.store import open_store_for_writing
    from model.directory import load_model

    check_library_name(library)
    if not paths and not retry_failed:
        fail("Give at least one PATH (or --retry-failed to try failed files again).")
    if watch and (not paths or retry_failed):
        fail("--watch needs folders to watch, and goes without --retry-failed.")
    if watch and prune and not yes:
        fail(
            "--watch has nobody to ask: give --yes to forget clips whose files are gone, or leave out --prune."
        )
    with ExitStack() as stack:
        on_report = stack.enter_context(_report_to(report))
        loaded = load_model(model)
        if watch:
            from indexer.watching import WatchPlan

            watch_library(
                store.expanduser(),
                loaded,
                library=library,
                folders=paths or [],
                plan=WatchPlan(settle_s=settle_s, rescan_s=60 * rescan_min, poll_s=poll_s),
                prune=prune,
                on_progress=stack.enter_context(_progress()),
                on_report=on_report,
                show=partial(_show_round, model_name=loaded.space.name, as_json=as_json),
            )
            return
        opened = stack.enter_context(open_store_for_writing(store.expanduser(), space=loaded.space))
        if index is not None:
            opened.ask_index(index_kind(index))
        with _progress() as on_progress:
            if paths:
                summary = index_paths(
                    opened,
                    loaded,
                    library=library,
                    paths=paths,
                    retry_failed=retry_failed,
                    on_progress=on_progress,
                    on_report=on_report,
                )
            else:
                summary = index_failed(
                    opened, loaded, library=library, on_progress=on_progress, on_report=on_report
                )
        if as_json:
            print_json(_document(summary, model_name=loaded.space.name))
        else:
            _print_tables(summary)
        if prune:
            forget_missing(opened, library, yes=yes)
    if summary.searchable == 0:
        fail(
            f"Nothing usable stands in library {library!r}: no file could be indexed. The reasons are above."
        )


def _show_round(done: "Round", *, model_name: str, as_json: bool) -> None:
    if as_json:
        found = _document(done.summary, model_name=model_name)
        print_json_line(found | {"everything": done.everything, "pruned": done.pruned})
    else:
        typer.echo(line(done))


@contextmanager
def _report_to(path: Path | None) -> Iterator["OnReport"]:
    """Write a JSON line for each file as soon as it is decided, so that a killed run leaves what it knew."""
    if path is None:
        yield lambda state, report: None
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(
                open(path, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
            )
        except OSError as error:
            fail(f"The report {str(path)!r} cannot be written: {error.strerror}.")

        def write(state: "FileState", report: "FileReport") -> None:
            line = {"path": str(report.path), "state": state.value, "reason": report.reason}
            line["code"] = report.code
            line = {key: value for key, value in line.items() if value is not None}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

        yield write


@contextmanager
def _progress() -> Iterator[Callable[["IndexProgress"], None]]:
    """A bar with rate and time left on a terminal; elsewhere a line after each commit, for logs."""
    import click
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda progress: None if progress.path else click.echo(_line(progress), err=True)
        return
    rate = TextColumn("{task.fields[rate]}")
    columns = (
        TextColumn("Indexing"),
        BarColumn(),
        MofNCompleteColumn(),
        rate,
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Indexing", total=None, rate="")

        def show(progress: "IndexProgress") -> None:
            if progress.done <= 1:
                bar.reset(task)  # Another round.
            elapsed = bar.tasks[0].elapsed or 0.0
            files = f"{progress.done / elapsed:.1f} files/s" if elapsed else ""
            audio = f", {progress.audio_s / elapsed:.0f} x real time" if elapsed else ""
            bar.update(task, completed=progress.done, total=progress.total, rate=files + audio)
            bar.update(task, visible=progress.path is not None or progress.committed < progress.total)

        yield show


def _line(progress: "IndexProgress") -> str:
    return f"committed {progress.committed} of {progress.total} files, {progress.audio_s:.0f} s of new audio"


def _document(summary: "IndexSummary", *, model_name: str) -> dict[str, Any]:
    return {
        "library": summary.library,
        "model": model_name,
        "counts": summary.counts(),
        "indexed": _reports(summary.indexed),
        "unchanged": _reports(summary.unchanged),
        "skipped": _reports(summary.skipped),
        "failed": _reports(summary.failed),
        "missing": _reports(summary.missing),
        "moved": summary.moved,
        "redescribed": summary.redescribed,
        "copies": summary.copies,
        "segments": summary.segments,
        "audio_s": summary.audio_s,
        "elapsed_s": summary.elapsed_s,
        "stages_s": summary.stages_s,
        "searchable": summary.searchable,
    }


def _reports(reports: list["FileReport"]) -> list[dict[str, str]]:
    fields = ({"path": str(item.path), "reason": item.reason, "code": item.code} for item in reports)
    return [{key: value for key, value in item.items() if value is not None} for item in fields]


def _print_tables(summary: "IndexSummary") -> None:
    from rich.console import Console
    from rich.table import Table

    from indexer.paths import display_path

    console = Console()
    counts = Table(title=f"Library {summary.library}", title_justify="left")
    for name in summary.counts():
        counts.add_column(name, justify="right")
    counts.add_row(*map(str, summary.counts().values()))
    console.print(counts)
    for state, reasons in summary.reasons.items():
        for reason, count in reasons.most_common():
            console.print(f"{state} {count}: {reason}", markup=False, highlight=False)
            same = [item for item in summary.kept(state) if item.kind == reason][:_EXAMPLES_SHOWN]
            for item in same:
                told = f": {item.reason}" if item.code else ""
                console.print(
                    f"    {display_path(item.path)}{told}", markup=False, highlight=False, soft_wrap=True
                )
            if count > len(same):
                console.print(f"    and {count - len(same)} more (--report FILE lists all)")
    told = (
        f"{summary.segments} new segments from {summary.audio_s:.0f} s of audio in {summary.elapsed_s:.1f} s"
    )
    for count, what in (
        (summary.moved, "moved files were recognised"),
        (summary.copies, "are copies"),
        (summary.redescribed, "are described anew by a table beside them"),
    ):
        if count:
            console.print(f"{count} {what}: nothing to embed.", highlight=False)
    console.print(f"{told}; {summary.searchable} clips can be searched.", highlight=False)
