"""How every experiment's table is written, and where the user is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sonoglot.output import typed_command

if TYPE_CHECKING:
    from model.space import EmbeddingSpace
    from training.experiments.table import Table


def write_tables(out: Path, table: "Table", stem: str, models: "Sequence[EmbeddingSpace]") -> None:
    """Write a table and say where; ``models`` are those that it is about."""
    from training.experiments.table import write_table

    for path in write_table(out, table, stem, command=typed_command(), models=models):
        typer.echo(f"Written to {path}")
