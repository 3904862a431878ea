"""``sonoglot parallel-text``: gather the parallel text that the compact anchor's text head is taught with."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def parallel_text(
    sources: Annotated[
        Path,
        typer.Option(
            "--sources", metavar="DIR", help="Folder that training/fetch_parallel_text.sh has filled."
        ),
    ],
    captions: Annotated[
        Path,
        typer.Option("--captions", metavar="DIR", help="Folder of audiocaps_{en_train,en_val,ja_val}.csv."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON lines to write.")],
) -> None:
    """Write pairs of English and other text; the emoji that evaluation asks for are left out."""
    from training.cldr_queries import load_emoji_classes
    from training.json_lines import write_json_lines
    from training.parallel_text import gather

    held_out = frozenset(load_emoji_classes().values())
    pairs, missing = gather(sources, captions=captions, held_out=held_out)
    for place in missing:
        typer.echo(f"{sources / place}: not there, left out.", err=True)
    write_json_lines(out, map(asdict, pairs))
    typer.echo(f"{out}: {len(pairs)} pairs in {len({pair.lang for pair in pairs})} languages.")
