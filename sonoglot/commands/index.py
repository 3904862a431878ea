"""``sonoglot index``: bring a library up to date with files and folders."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoglot.options import DEFAULT_STORE, JsonOption, ModelOption, StoreOption
from sonoglot.output import fail, print_json

if TYPE_CHECKING:
    from indexer.build import FileReport, IndexProgress, IndexSummary

_EXAMPLES_SHOWN = 10


def index(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Audio files, or folders to search for them.")
    ],
    library: Annotated[str, typer.Option("--library", metavar="NAME", help="Library to put the clips into.")],
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Index audio files into a library; run again, it embeds only what changed.

    A clip whose file is gone is kept as missing and no longer found; `sonoglot remove --missing` forgets it.
    """
    from indexer.build import index_paths
    from indexer.catalog import check_library_name
    from indexer.store import open_store_for_writing
    from model.directory import load_model

    check_library_name(library)
    loaded = load_model(model)
    with open_store_for_writing(store.expanduser(), space=loaded.space) as opened, _progress() as on_progress:
        summary = index_paths(opened, loaded, library=library, paths=paths, on_progress=on_progress)
    if as_json:
        print_json(_document(summary, model_name=loaded.space.name))
    else:
        _print_tables(summary)
    if summary.searchable == 0:
        fail(
            f"Nothing usable stands in library {library!r}: no file could be indexed. The reasons are above."
        )


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
            elapsed = bar.tasks[0].elapsed or 0.0
            files = f"{progress.done / elapsed:.1f} files/s" if elapsed else ""
            audio = f", {progress.audio_s / elapsed:.0f} x real time" if elapsed else ""
            bar.update(task, completed=progress.done, total=progress.total, rate=files + audio)

        yield show


def _line(progress: "IndexProgress") -> str:
    return f"committed {progress.committed} of {progress.total} files, {progress.audio_s:.0f} s of new audio"


def _document(summary: "IndexSummary", *, model_name: str) -> dict[str, Any]:
    return {
        "library": summary.library,
        "model": model_name,
        "indexed": _reports(summary.indexed),
        "unchanged": _reports(summary.unchanged),
        "skipped": _reports(summary.skipped),
        "failed": _reports(summary.failed),
        "missing": _reports(summary.missing),
        "segments": summary.segments,
        "audio_s": summary.audio_s,
        "elapsed_s": summary.elapsed_s,
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
    names = ("indexed", "unchanged", "skipped", "failed", "missing")
    lists = (summary.indexed, summary.unchanged, summary.skipped, summary.failed, summary.missing)
    for name in names:
        counts.add_column(name, justify="right")
    counts.add_row(*(str(len(items)) for items in lists))
    console.print(counts)
    for name, items in zip(names[2:], lists[2:], strict=True):
        for reason, count in Counter(_general(item) for item in items).most_common():
            console.print(f"{name} {count}: {reason}", markup=False, highlight=False)
            same = [item for item in items if _general(item) == reason]
            for item in same[:_EXAMPLES_SHOWN]:
                told = f": {item.reason}" if item.code else ""
                console.print(
                    f"    {display_path(item.path)}{told}", markup=False, highlight=False, soft_wrap=True
                )
            if len(same) > _EXAMPLES_SHOWN:
                console.print(f"    and {len(same) - _EXAMPLES_SHOWN} more (--json lists all)")
    told = (
        f"{summary.segments} new segments from {summary.audio_s:.0f} s of audio in {summary.elapsed_s:.1f} s"
    )
    console.print(f"{told}; {summary.searchable} clips can be searched.", highlight=False)


def _general(report: "FileReport") -> str:
    return report.code.replace("_", " ") if report.code else report.reason or ""
