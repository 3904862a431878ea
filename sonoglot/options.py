"""Options that several commands share, so that they are spelled and explained the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_STORE = Path("~/.local/share/sonoglot")

StoreOption = Annotated[
    Path,
    typer.Option("--store", metavar="DIR", envvar="SONOGLOT_STORE", help="Directory that holds the index."),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        envvar="SONOGLOT_MODEL",
        help="Model directory; the built-in model if not given.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
LibraryOption = Annotated[
    str | None, typer.Option("--library", metavar="NAME", help="Look only in this library.")
]
