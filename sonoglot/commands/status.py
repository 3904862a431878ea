"""``sonoglot status``: how a library stands: counts, failures by reason, its last run, and size on disk."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sonoglot.options import DEFAULT_STORE, JsonOption, LibraryOption, StoreOption
from sonoglot.output import print_json

if TYPE_CHECKING:
    from indexer.manifest import Manifest
    from indexer.records import Failure, IndexRun, LibrarySummary


def status(
    library: LibraryOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Show what is indexed, what failed and why, what the last run did, and the store's size on disk."""
    from indexer.store import open_store

    directory = store.expanduser()
    with open_store(directory) as opened:
        held = [opened.catalog.library(library)] if library else opened.catalog.libraries()
        found = [
            (item, opened.catalog.failures(item.name), opened.catalog.last_run(item.name)) for item in held
        ]
        space, manifest = opened.space, opened.manifest
    size_bytes = _size_bytes(directory)
    if as_json:
        libraries = [_document(*item) for item in found]
        print_json(
            {"model": space.name, "size_bytes": size_bytes, "index": _index(manifest), "libraries": libraries}
        )
        return
    typer.echo(f"Indexed with {space}; {size_bytes / 1e6:.1f} MB on disk.")
    if manifest is not None:
        typer.echo(f"Index: {manifest.about.kind}, {manifest.about.rows} segments{_recall(manifest)}.")
    for item in found:
        _print(*item)


def _index(manifest: "Manifest | None") -> dict[str, Any] | None:
    return None if manifest is None else asdict(manifest.about) | {"asked": manifest.asked or "auto"}


def _recall(manifest: "Manifest") -> str:
    efforts = manifest.about.efforts
    return f", recall@10 at least {min(effort.recall for effort in efforts):.3f}" if efforts else ""


def _document(library: "LibrarySummary", failures: "list[Failure]", run: "IndexRun | None") -> dict[str, Any]:
    failed = [
        asdict(failure) | {"examples": [str(path) for path in failure.examples]} for failure in failures
    ]
    return asdict(library) | {"failures": failed, "last_run": asdict(run) if run else None}


def _print(library: "LibrarySummary", failures: "list[Failure]", run: "IndexRun | None") -> None:
    from indexer.paths import display_path

    typer.echo(
        f"\n{library.name}: {library.clips} clips ({library.duration_s / 3600:.2f} h), "
        f"{library.segments} segments, {library.failed} failed, {library.missing} missing"
    )
    if run is not None:
        counts = ", ".join(f"{count} {state}" for state, count in run.counts.items() if count)
        stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in run.stages_s.items())
        typer.echo(f"  last run {run.started_at}, {run.elapsed_s:.1f} s: {counts or 'no files'} ({stages})")
    for failure in failures:
        typer.echo(f"  failed {failure.count}: {failure.reason_code.replace('_', ' ')}")
        for path in failure.examples:
            typer.echo(f"      {display_path(path)}")


def _size_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
