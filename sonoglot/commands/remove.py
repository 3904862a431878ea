"""``sonoglot remove``: forget a library, or its clips whose files are gone. Audio files are never touched."""

from typing import Annotated

import typer

from sonoglot.options import DEFAULT_STORE, JsonOption, StoreOption
from sonoglot.output import fail, print_json


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
    from indexer.records import ClipStatus
    from indexer.store import open_store_for_writing

    with open_store_for_writing(store.expanduser()) as opened:
        held = opened.catalog.library(library)
        if missing:
            clips = opened.catalog.clips(library)
            gone = [clip.clip_id for clip in clips if clip.status is ClipStatus.MISSING]
            opened.catalog.remove_clips(gone)
            removed = len(gone)
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
