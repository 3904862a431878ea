"""``sonoglot shards``: manifests as tar files, for training on more audio than fits into memory."""

from pathlib import Path
from typing import Annotated

import typer

from sonoglot.commands.dataset import Split
from sonoglot.options import JsonOption
from sonoglot.output import fail, print_json


def shards(
    data: Annotated[
        list[Path], typer.Option("--data", metavar="MANIFEST", help="Manifest; may be given again.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for the shards.")],
    clips_per_shard: Annotated[int, typer.Option(min=1, help="Most clips in a tar file.")] = 1000,
    split: Annotated[
        Split, typer.Option(help="Which clips of the manifests; those without a split are for training.")
    ] = Split.TRAIN,
    as_json: JsonOption = False,
) -> None:
    """Write the clips of manifests that have captions as WebDataset shards, with an index."""
    from rich.console import Console
    from rich.progress import Progress

    from training.manifest import read_manifests
    from training.shards import write_shards

    entries = [entry for entry in read_manifests(data) if (entry.split or Split.TRAIN) == split]
    if not entries:
        fail(f"the manifests hold no clips of the split '{split}'.")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("writing", total=None)
        written = write_shards(
            entries, out, clips_per_shard=clips_per_shard, on_clip=lambda: progress.advance(task)
        )
    if as_json:
        print_json(
            {
                "shards": str(out),
                "clips": written.clips,
                "files": written.shards,
                "without_captions": written.without_captions,
                "unreadable": {str(path): reason for path, reason in written.unreadable.items()},
            }
        )
        return
    for path, reason in written.unreadable.items():
        typer.echo(f"left out {path}: {reason}", err=True)
    typer.echo(
        f"{out}: {written.clips:,} clips in {written.shards:,} shards; left out {len(written.unreadable):,} that "
        f"cannot be read and {written.without_captions:,} without captions."
    )
