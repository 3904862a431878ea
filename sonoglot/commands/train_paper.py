"""``sonoglot train cacara`` and its relatives: the paper's recipes, which differ in the recipe alone."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonoglot.commands.reporter import Reporter
from sonoglot.output import typed_command
from sonoglot.train_options import (
    AnchorOption,
    BatchSizeOption,
    DataOption,
    Device,
    DeviceOption,
    EncoderOption,
    EpochsOption,
    OutOption,
    RateOption,
    SeedOption,
    TagOption,
    WeightsOption,
)

if TYPE_CHECKING:
    from model.anchor import Anchor
    from model.config import AnchorReference

PLUS_COMMAND = "cacara-plus"
PAPER_COMMANDS = {
    "cacara": "Train the paper's model: BEATs towards an OpenCLIP anchor, 3 epochs at batch 64.",
    "cacara-expanded": "Train the paper's model by its expanded schedule: 10 epochs at batch 110.",
    PLUS_COMMAND: "Train by the paper's recipe and what is known to help at the same cost.",
}


class Practice(StrEnum):
    """What cacara-plus adds to the paper's loss."""

    BANK = "bank"
    MASK = "mask"
    SOFT = "soft"
    CAPTIONS = "captions"


def paper_command(recipe_name: str, doc: str) -> Callable[..., None]:
    """Return a command that trains by one of the paper's recipes; they differ in the recipe alone."""

    def command(
        data: DataOption,
        out: OutOption,
        anchor: AnchorOption = None,
        tag: TagOption = None,
        encoder: EncoderOption = "beats",
        weights: WeightsOption = None,
        without: Annotated[
            list[Practice] | None,
            typer.Option("--without", help="A practice of cacara-plus to leave out; may be given again."),
        ] = None,
        sigmoid: Annotated[
            bool, typer.Option("--sigmoid", help="Sigmoid loss in the place of cross-entropy.")
        ] = False,
        epochs: EpochsOption = None,
        batch_size: BatchSizeOption = None,
        lr: RateOption = None,
        seed: SeedOption = 0,
        device: DeviceOption = Device.CPU,
    ) -> None:
        from model.encoder_presets import encoder_preset
        from training.processes import joined, own_share
        from training.recipes.cacara import EncoderStart, cacara, recipe_named, varied

        recipe = varied(
            recipe_named(recipe_name),
            without=[practice.value for practice in without or []],
            sigmoid=sigmoid,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
        )
        if without and recipe_name != PLUS_COMMAND:
            raise typer.BadParameter(f"only {PLUS_COMMAND} has what can be left out", param_hint="--without")
        start = EncoderStart(preset=encoder_preset(encoder), checkpoint=weights)
        with joined(device) as own_device:
            first = own_share().index == 0
            # the first process embeds all captions; the others only need the anchor to know its vectors
            towers, reference = anchor_and_reference(anchor, tag, own_device if first else "cpu")
            figures = cacara(
                data,
                out,
                anchor=towers,
                reference=reference,
                start=start,
                recipe=recipe,
                seed=seed,
                device=own_device,
                command=typed_command(),
                progress=Reporter(recipe.epochs, silent=not first).progress(),
            )
        if figures is not None:
            typer.echo(f"Written to {out}. Use it with: sonoglot index PATH... --library NAME --model {out}")

    command.__doc__ = doc
    return command


def anchor_and_reference(name: str | None, tag: str | None, device: str) -> "tuple[Anchor, AnchorReference]":
    """Load the anchor to train towards, the paper's if none is named, and what a model directory says of it."""
    from model.config import AnchorReference
    from model.open_clip_anchor import DEFAULT_MODEL, DEFAULT_TAG
    from model.presets import LOCAL
    from model.torch_directory import load_anchor
    from training.processes import check_cuda

    name, tag = (name, tag) if name else (DEFAULT_MODEL, tag or DEFAULT_TAG)
    if name.startswith(LOCAL):  # absolute, since the model remembers it
        name = f"{LOCAL}{Path(name.removeprefix(LOCAL)).expanduser().resolve()}"
    if device == "cuda":
        check_cuda()
    anchor = load_anchor(name, tag=tag, device=device)
    return anchor, AnchorReference(model_name=name, tag=tag, fingerprint=anchor.fingerprint)
