"""``sonoglot remove``: forget a library, or its clips whose files are gone. Audio files are never touched."""

from typing import TYPE_CHECKING, Annotated

import typer

from sonoglot.options import DEFAULT_STORE, JsonOption, StoreOption
from sonoglot.output import fail, print_json

if TYPE_CHECKING:
    from indexer.store import Store


def remove(
    library: Annotated[
        str, typer.Option("--library", metavar="NAME", help="Library to forget, or to tidy up.")
    ],
    missing: Annotated[
        bool, typer.Option("--missing", help="Forget only clips whose files are gone.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before forgetting a whole library.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Forget a library, or only its missing clips; the audio files themselves stay."""
    from indexer.store import open_store_for_writing

    with open_store_for_writing(store.expanduser()) as opened:
        held = opened.catalog.library(library)
        if missing:
            removed = forget_missing(opened, library, yes=True)
        else:
            removed = held.clips + held.failed + held.missing
            if not yes and not typer.confirm(f"Forget library {library!r} with {removed} clips?", err=True):
                fail("Nothing was removed.")
            opened.catalog.remove_library(library)
            opened.save_index()
    if as_json:
        print_json({"library": library, "removed_clips": removed})
    else:
        typer.echo(f"Forgot {removed} clips of library {library!r}. The audio files were not touched.")


def forget_missing(opened: "Store", library: str, *, yes: bool) -> int:
    """Forget a library's clips whose files are gone, after saying how much that is; how many they were."""
    gone = opened.catalog.library(library).missing
    if not gone:
        return 0
    hours = opened.catalog.missing_s(library) / 3600
    typer.echo(f"The files of {gone} clips ({hours:.2f} h) are gone.", err=True)
    if not yes and not typer.confirm("Forget these clips?", err=True):
        return 0
    removed = opened.catalog.remove_missing(library)
    opened.save_index()
    return removed
