"""``sonoglot cost``: what a frozen anchor saves, in time, energy and memory."""

from pathlib import Path
from typing import Annotated

import typer

from sonoglot.output import typed_command
from sonoglot.train_options import (
    DataOption,
    Device,
    DeviceOption,
    EncoderOption,
    SeedOption,
    TagOption,
    WeightsOption,
)


def cost(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for cost.md and cost.json.")],
    anchor: Annotated[
        str | None,
        typer.Option(
            "--anchor",
            metavar="NAME",
            help="An OpenCLIP model, or local-dir:FOLDER; the paper's if not given.",
        ),
    ] = None,
    tag: TagOption = None,
    encoder: EncoderOption = "beats",
    weights: WeightsOption = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of clip and caption that both see.")] = 6_400,
    batch_size: Annotated[int, typer.Option(min=2, help="Clips in a batch.")] = 64,
    seed: SeedOption = 0,
    device: DeviceOption = Device.CPU,
) -> None:
    """Measure what a frozen anchor saves: the paper's recipe against training all three towers, on the same pairs."""
    from model.encoder_presets import encoder_preset
    from model.open_clip_anchor import DEFAULT_MODEL, DEFAULT_TAG
    from training.cost import measure_cost
    from training.cost_runs import CostSetup
    from training.experiments.table import write_table

    anchor = anchor or DEFAULT_MODEL
    setup = CostSetup(
        data=tuple(data),
        anchor=anchor,
        tag=tag or (DEFAULT_TAG if anchor == DEFAULT_MODEL else None),
        encoder=encoder_preset(encoder),
        weights=weights,
        pairs=pairs,
        batch_size=batch_size,
        device=device.value,
        seed=seed,
    )
    table, space = measure_cost(setup, on_stage=lambda text: typer.echo(text, err=True))
    command = typed_command()
    written, _ = write_table(out, table, "cost", command=command, models=[space])
    typer.echo(written.read_text("utf-8"))
