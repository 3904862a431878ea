"""Options that every command which trains has."""

from pathlib import Path
from typing import Annotated

import typer

from sonoglot.options import Device

DataOption = Annotated[
    list[Path], typer.Option("--data", metavar="MANIFEST", help="Manifest; may be given again.")
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Model directory to write; also resumes from it.")
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]


DeviceOption = Annotated[Device, typer.Option(help="Where to train.")]
AnchorOption = Annotated[
    str | None,
    typer.Option(
        "--anchor",
        metavar="NAME",
        help="`compact`, an OpenCLIP model, or local-dir:FOLDER; the paper's if not given.",
    ),
]
TagOption = Annotated[str | None, typer.Option(help="Tag of the OpenCLIP model's weights.")]
EncoderOption = Annotated[
    str, typer.Option("--encoder", metavar="NAME", help="Audio encoder, of those that `models` lists.")
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights", metavar="FILE", help="Published weights of the encoder; else it starts without."
    ),
]
EpochsOption = Annotated[int | None, typer.Option(min=1, help="Epochs; else the recipe's.")]
BatchSizeOption = Annotated[int | None, typer.Option(min=2, help="Clips in a batch; else the recipe's.")]
RateOption = Annotated[float | None, typer.Option(min=0.0, help="Learning rate; else the recipe's.")]
