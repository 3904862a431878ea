"""``sonoglot verify`` and ``sonoglot rebuild``: check a store from end to end, and make its index again."""

from dataclasses import asdict

import typer

from sonoglot.options import DEFAULT_STORE, IndexKindOption, JsonOption, StoreOption, index_kind
from sonoglot.output import fail, print_json


def verify(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Read the whole store and say what is wrong with it, where, and what to do; changes nothing.

    Exits with 1 if anything is wrong.
    """
    from indexer.store import open_catalog
    from indexer.verify import verify as verify_store

    directory = store.expanduser()
    with open_catalog(directory) as catalog:
        found = verify_store(directory, catalog)
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo(
            f"{found.segments} segments in the catalogue; the index has {found.indexed}, and "
            f"{found.beside_the_index} are read beside it."
        )
        for finding in found.findings:
            typer.echo(f"{finding.where}: {finding.what}.\n    What to do: {finding.remedy}.")
    if found.findings:
        fail(f"{len(found.findings)} things are wrong with the store at {str(directory)!r}.")
    if not as_json:
        typer.echo("Everything is as it should be.")


def rebuild(
    index: IndexKindOption = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Make the index again from the catalogue; the audio files are not needed."""
    from indexer.store import open_store_for_writing

    with open_store_for_writing(store.expanduser()) as opened:
        if index is not None:
            opened.ask_index(index_kind(index))
        opened.rebuild_index()
        manifest = opened.manifest
    assert manifest is not None, "it was just written"
    typer.echo(f"Made an index of kind {manifest.about.kind} with {manifest.about.rows} segments.")
    for effort in manifest.about.efforts:
        typer.echo(
            f"  recall@10 {effort.recall:.3f} among {effort.share:.0%} of them, at an effort of {effort.probes}"
        )
