"""``sonoglot convert-beats``: a published BEATs checkpoint, converted once into a file that can run no program."""

from pathlib import Path
from typing import Annotated

import typer


def convert_beats(
    checkpoint: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Checkpoint as published, for example BEATs_iter3.pt."),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="File to write, ending in .safetensors.")
    ],
) -> None:
    """Convert a published BEATs checkpoint to safetensors, its sizes inside; `sonoglot train cacara` takes either."""
    from model.beats_checkpoint import convert_beats

    convert_beats(checkpoint, out)
    typer.echo(f"{out}: converted.", err=True)
