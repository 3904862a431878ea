"""``sonoglot status``: how a library stands: counts, failures by reason, its last run, and size on disk."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sonoglot.options import DEFAULT_STORE, JsonOption, LibraryOption, StoreOption
from sonoglot.output import print_json

if TYPE_CHECKING:
    from indexer.manifest import Manifest
    from indexer.records import Failure, FilterValues, IndexRun, LibrarySummary

_VALUES_SHOWN = 10


def status(
    library: LibraryOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Show what is indexed, what failed and why, what the last run did, and the store's size on disk.

    Also the tags, licences and categories that clips can be filtered by, the most frequent first.
    """
    from indexer.store import open_store

    directory = store.expanduser()
    with open_store(directory) as opened:
        held = [opened.catalog.library(library)] if library else opened.catalog.libraries()
        catalog = opened.catalog
        found = [
            (
                item,
                catalog.failures(item.name),
                catalog.last_run(item.name),
                catalog.filter_values(item.name),
            )
            for item in held
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


def _document(
    library: "LibrarySummary", failures: "list[Failure]", run: "IndexRun | None", values: "FilterValues"
) -> dict[str, Any]:
    failed = [
        asdict(failure) | {"examples": [str(path) for path in failure.examples]} for failure in failures
    ]
    told = {"failures": failed, "last_run": asdict(run) if run else None}
    return asdict(library) | told | asdict(values)


def _print(
    library: "LibrarySummary", failures: "list[Failure]", run: "IndexRun | None", values: "FilterValues"
) -> None:
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
    for name, counts in asdict(values).items():
        if counts:
            shown = ", ".join(f"{count['value']} ({count['clips']})" for count in counts[:_VALUES_SHOWN])
            more = ", ..." if len(counts) > _VALUES_SHOWN else ""
            typer.echo(f"  {name}: {shown}{more}")


def _size_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
