"""``sonoglot index``: bring a library up to date with files and folders."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonoglot.commands.index_report import document, print_tables, progress_bar, report_to
from sonoglot.commands.index_watch import line, watch_library
from sonoglot.commands.remove import forget_missing
from sonoglot.options import (
    DEFAULT_STORE,
    Device,
    IndexKindOption,
    JsonOption,
    ModelOption,
    StoreOption,
    index_kind,
)
from sonoglot.output import fail, print_json, print_json_line

if TYPE_CHECKING:
    from indexer.store import Store
    from indexer.watching import Round


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
    index: IndexKindOption = None,
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
    device: Annotated[Device, typer.Option("--device", help="Where to embed.")] = Device.CPU,
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
        on_report = stack.enter_context(report_to(report))
        loaded = load_model(model, device=device.value)

        def choose_index(opened: "Store") -> None:
            if index is not None:
                opened.ask_index(index_kind(index))

        if watch:
            from indexer.watching import WatchPlan

            watch_library(
                store.expanduser(),
                loaded,
                library=library,
                folders=paths or [],
                plan=WatchPlan(settle_s=settle_s, rescan_s=60 * rescan_min, poll_s=poll_s),
                prune=prune,
                on_open=choose_index,
                on_progress=stack.enter_context(progress_bar()),
                on_report=on_report,
                show=partial(_show_round, model_name=loaded.space.name, as_json=as_json),
            )
            return
        opened = stack.enter_context(open_store_for_writing(store.expanduser(), space=loaded.space))
        choose_index(opened)
        with progress_bar() as on_progress:
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
            print_json(document(summary, model_name=loaded.space.name))
        else:
            print_tables(summary)
        if prune:
            forget_missing(opened, library, yes=yes)
    if summary.searchable == 0:
        fail(
            f"Nothing usable stands in library {library!r}: no file could be indexed. The reasons are above."
        )


def _show_round(done: "Round", *, model_name: str, as_json: bool) -> None:
    if as_json:
        found = document(done.summary, model_name=model_name)
        print_json_line(found | {"everything": done.everything, "pruned": done.pruned})
    else:
        typer.echo(line(done))
