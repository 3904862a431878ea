"""Options that every command which trains has."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    list[Path], typer.Option("--data", metavar="MANIFEST", help="Manifest; may be given again.")
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Model directory to write; also resumes from it.")
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]


class Device(StrEnum):
    """Where to train."""

    CPU = "cpu"
    CUDA = "cuda"


DeviceOption = Annotated[Device, typer.Option(help="Where to train.")]
