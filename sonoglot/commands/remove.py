"""``sonoglot remove``: forget a library with what was uploaded to it, or its clips whose files are gone. Files of the
user's own folders are never touched."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonoglot.options import DEFAULT_STORE, DatabaseOption, JsonOption, StoreOption
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
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget a library, or only its missing clips; audio files stay, but for those that were uploaded to it."""
    from indexer.store import open_store_for_writing

    with open_store_for_writing(store.expanduser()) as opened:
        if missing:
            opened.catalog.library(library)
            removed, deleted = forget_missing(opened, library, yes=True), 0
        else:
            removed, deleted = _forget_library(
                opened, library, store_dir=store.expanduser(), database_url=database, yes=yes
            )
    if as_json:
        print_json({"library": library, "removed_clips": removed, "deleted_uploads": deleted})
        return
    typer.echo(f"Forgot {removed} clips of library {library!r}.")
    if deleted:
        typer.echo(
            f"Deleted the {deleted} files that were uploaded to it. Other audio files were not touched."
        )
    else:
        typer.echo("The audio files were not touched.")


def _forget_library(
    opened: "Store", library: str, *, store_dir: Path, database_url: str | None, yes: bool
) -> tuple[int, int]:
    """Forget a library, after saying how much that is; how many clips it had, and files that were uploaded."""
    from service.database import open_database
    from service.jobs import Jobs
    from service.library_removal import remove_library
    from service.upload_storage import uploaded_files

    held = opened.catalog.library(library)
    clips = held.clips + held.failed + held.missing
    uploads = uploaded_files(store_dir, library)
    losing = f", and delete the {uploads} files that were uploaded to it" if uploads else ""
    if not yes and not typer.confirm(f"Forget library {library!r} with {clips} clips{losing}?", err=True):
        fail("Nothing was removed.")
    with closing(open_database(store_dir, database_url)) as jobs:
        deleted = remove_library(opened.catalog, library, store_dir=store_dir, jobs=Jobs(jobs))
    opened.save_index()
    return clips, deleted


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
