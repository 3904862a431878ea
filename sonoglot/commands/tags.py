"""``sonoglot tags``: what a tagger hears in sounds that nobody has described."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sonoglot.output import fail


def tags(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Sounds, or folders of them.")],
    tagger: Annotated[Path, typer.Option("--tagger", metavar="FILE", help="YAMNet's TFLite file.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON lines of tags to write.")],
) -> None:
    """Write the tags of every sound, for `sonoglot manifest --tags`."""
    from rich.console import Console
    from rich.progress import Progress

    from indexer.scan import Scan
    from training.json_lines import write_json_lines
    from training.tagger import Tagger
    from training.tagging import tag_clips

    listener = Tagger(tagger)
    found = [path for portion in Scan(paths).portions() for path in portion.candidates]
    if not found:
        fail(f"no sounds in {', '.join(map(str, paths))}.")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("tagging", total=len(found))
        tagged, left_out = tag_clips(found, listener, on_clip=lambda: progress.advance(task))
    base = out.parent.resolve()
    write_json_lines(
        out,
        ({"audio": os.path.relpath(path, base), "tags": of_clip} for path, of_clip in tagged.items()),
    )
    for path, reason in left_out.items():
        typer.echo(f"left out {path}: {reason}", err=True)
    typer.echo(f"Tagged {len(tagged)} sounds, left out {len(left_out)}: {out}")
