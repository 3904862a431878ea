"""``sonoglot duplicates``: sounds that are there more than once, exactly or in another form. Deletes nothing."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoglot.options import DEFAULT_STORE, JsonOption, LibraryOption, StoreOption
from sonoglot.output import print_json

if TYPE_CHECKING:
    from indexer.duplicates import Duplicate, DuplicateGroup


def duplicates(
    library: LibraryOption = None,
    threshold: Annotated[
        float, typer.Option("--threshold", metavar="COSINE", help="How alike two sounds must be, up to 1.")
    ] = 0.97,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """List groups of clips that are copies of one recording: the same audio, or nearly so at nearly the same length.

    Of each group the first is the one to keep: the longest, then a lossless one, then of the highest rate.
    """
    from indexer.duplicates import find_duplicates
    from indexer.store import open_catalog

    with open_catalog(store.expanduser()) as catalog:
        groups = find_duplicates(catalog, library=library, threshold=threshold)
    freed_bytes = sum(group.freed_bytes for group in groups)
    if as_json:
        print_json({"freed_bytes": freed_bytes, "groups": [_document(group) for group in groups]})
        return
    for group in groups:
        _print(group)
    copies = sum(len(group.others) for group in groups)
    typer.echo(f"{copies} copies in {len(groups)} groups; they take {freed_bytes / 1e6:.1f} MB.")


def _document(group: "DuplicateGroup") -> dict[str, Any]:
    keep = {"clip_id": group.keep.clip_id, "path": str(group.keep.path), "library": group.keep.library}
    others = [
        {
            "clip_id": item.clip.clip_id,
            "path": str(item.clip.path),
            "library": item.clip.library,
            "likeness": round(item.likeness, 4),
            "is_exact": item.is_exact,
        }
        for item in group.others
    ]
    return {"keep": keep, "others": others, "freed_bytes": group.freed_bytes}


def _print(group: "DuplicateGroup") -> None:
    from indexer.paths import display_path

    typer.echo(f"keep   {display_path(group.keep.path)}")
    for item in group.others:
        typer.echo(f"{_likeness(item)}  {display_path(item.clip.path)}")
    typer.echo("")


def _likeness(item: "Duplicate") -> str:
    return "same " if item.is_exact else f"{item.likeness:.3f}"
