"""``sonoglot models``: the built-in model, and what a model directory holds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sonoglot.options import JsonOption
from sonoglot.output import print_json


def models(
    directories: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR]...", help="Model directories to look at too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the built-in model, and any model directories given."""
    from model.directory import DEFAULT_MODEL_DIR

    found = [_describe(directory) for directory in (DEFAULT_MODEL_DIR, *(directories or []))]
    found[0]["default"] = True
    if as_json:
        print_json({"models": found})
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("model", "dimension", "fingerprint", "directory")
    for item in found:
        name = f"{item['name']} (default)" if item["default"] else item["name"]
        table.add_row(
            name, str(item["dim"]), item["fingerprint"][:12], Text(item["directory"], overflow="fold")
        )
    Console().print(table)


def _describe(directory: Path) -> dict[str, Any]:
    from model.directory import load_space

    space = load_space(directory)
    facts = {"name": space.name, "dim": space.dim, "fingerprint": space.fingerprint}
    return facts | {"directory": str(directory), "default": False}
