"""``sonoglot queries``: make evaluation queries out of what others publish."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make evaluation queries out of published names and pictures.", no_args_is_help=True)
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON lines to write.")]


def cldr(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="npm's cldr-annotations-full, unpacked."),
    ],
    out: Out,
) -> None:
    """Names of emoji in 115 languages; remakes cldr_names.jsonl."""
    from training.cldr_queries import cldr_queries, load_emoji_classes
    from training.json_lines import write_json_lines

    queries = list(cldr_queries(folder, emoji_classes=load_emoji_classes()))
    write_json_lines(out, queries)
    languages = {query["lang"] for query in queries}
    typer.echo(f"{out}: {len(queries)} queries in {len(languages)} languages and scripts.")


def tuxpaint(
    out: Out,
    stamps: Annotated[
        Path | None,
        typer.Argument(metavar="STAMPS", help="Tux Paint's stamps; where Debian installs them if not given."),
    ] = None,
) -> None:
    """Pictures of what sounds, out of Tux Paint's stamps."""
    from training.image_queries import TUX_PAINT_STAMPS, tux_paint_queries
    from training.json_lines import write_json_lines

    count = write_json_lines(out, tux_paint_queries(stamps or TUX_PAINT_STAMPS))
    typer.echo(f"{out}: {count} queries.")


def add_commands(wrap: Callable[[Callable[..., None]], Callable[..., None]]) -> typer.Typer:
    """Return the ``queries`` command with its sources, errors made readable by ``wrap``."""
    app.command("cldr")(wrap(cldr))
    app.command("tuxpaint")(wrap(tuxpaint))
    return app
