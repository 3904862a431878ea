"""``sonoglot manifest``: make a manifest from a folder of sounds and a table."""

from pathlib import Path
from typing import Annotated

import typer

from sonoglot.output import fail


def manifest(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder that the table's file names are in.")
    ],
    table: Annotated[Path, typer.Option("--table", metavar="FILE", help="CSV with a header, or JSON lines.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Manifest to write.")],
    audio_column: Annotated[str, typer.Option(help="Column with the file name.")] = "filename",
    caption_column: Annotated[str | None, typer.Option(help="Column with a caption.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column with a class label.")] = None,
    split_column: Annotated[str | None, typer.Option(help="Column that tells the split.")] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VALUE=SPLIT", help="A value of the split column and its split (train, val, test)."
        ),
    ] = None,
    group_column: Annotated[
        str | None, typer.Option(help="Column with what must stay on one side of a split.")
    ] = None,
    licence_column: Annotated[str | None, typer.Option(help="Column with the licence.")] = None,
    source_column: Annotated[str | None, typer.Option(help="Column with the source.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of clips that name none.")] = None,
    source: Annotated[str | None, typer.Option(help="Source of clips that name none.")] = None,
    tags: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON lines of machine tags.")] = None,
    only_tagged: Annotated[
        bool, typer.Option("--only-tagged", help="Leave out clips that the tags do not name.")
    ] = False,
    wordings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON object from label to captions.")
    ] = None,
    uncaptioned: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON object of labels to words: neither their clips nor these words are captioned.",
        ),
    ] = None,
) -> None:
    """Write a manifest of the clips in FOLDER that the table names."""
    from training.manifest import SPLITS, TableColumns, make_manifest, write_manifest

    split_of = {value: name for value, _, name in (item.partition("=") for item in split or [])}
    if bad := [item for item, name in split_of.items() if name not in SPLITS]:
        fail(f"--split {bad[0]}=...: write VALUE=SPLIT with a SPLIT of {', '.join(SPLITS)}.")
    columns = TableColumns(
        audio=audio_column,
        caption=caption_column,
        label=label_column,
        split=split_column,
        group=group_column,
        licence=licence_column,
        source=source_column,
    )
    entries = make_manifest(
        folder,
        table,
        columns=columns,
        split_of=split_of,
        tags=tags,
        wordings=wordings,
        uncaptioned=uncaptioned,
        only_tagged=only_tagged,
        licence=licence,
        source=source,
    )
    if not entries:
        fail(f"{table} names no clip that belongs to a split; nothing was written.")
    missing = sum(not entry.audio.is_file() for entry in entries)
    write_manifest(out, entries)
    typer.echo(
        f"{out}: {len(entries)} clips, {sum(bool(e.captions) for e in entries)} with captions, "
        f"{sum(bool(e.tags) for e in entries)} with tags, {missing} whose audio is missing."
    )
