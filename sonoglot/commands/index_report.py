"""What ``sonoglot index`` says: progress, tables, one JSON document, and a report of every file."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonoglot.output import fail

if TYPE_CHECKING:
    from indexer.summary import FileReport, FileState, IndexProgress, IndexSummary, OnReport

_EXAMPLES_SHOWN = 10


@contextmanager
def report_to(path: Path | None) -> Iterator["OnReport"]:
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
def progress_bar() -> Iterator[Callable[["IndexProgress"], None]]:
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


def document(summary: "IndexSummary", *, model_name: str) -> dict[str, Any]:
    """What a run did, as one JSON document."""
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


def print_tables(summary: "IndexSummary") -> None:
    """What a run did, for people."""
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
