"""``sonoglot train``: run a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from sonoglot.commands.reporter import Reporter
from sonoglot.commands.train_paper import PAPER_COMMANDS, paper_command
from sonoglot.options import Device
from sonoglot.output import typed_command
from sonoglot.train_options import DataOption, DeviceOption, OutOption, SeedOption

app = typer.Typer(help="Train a model by a recipe.", no_args_is_help=True)


def compact(
    data: DataOption,
    out: OutOption,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs; the recipe's own number if not given.")
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.CPU,
    anchor: Annotated[
        Path | None,
        typer.Option("--anchor", metavar="FILE", help="Anchor from `train text-head`; else the shipped one."),
    ] = None,
    only_ear: Annotated[
        int | None,
        typer.Option(
            "--only-ear",
            metavar="N",
            min=1,
            help="Train this ear alone; run one of each side by side, then the same without it.",
        ),
    ] = None,
) -> None:
    """Train the compact model, as the committed default was."""
    from training.recipes.compact import COMPACT_EPOCHS
    from training.recipes.compact import compact as recipe

    recipe(
        data,
        out,
        epochs=epochs or COMPACT_EPOCHS,
        seed=seed,
        device=device,
        anchor_file=anchor,
        only_ear=only_ear,
        progress=Reporter(epochs or COMPACT_EPOCHS).progress(),
        command=typed_command(),
    )
    if only_ear is None:
        typer.echo(f"Written to {out}. Use it with: sonoglot index PATH... --library NAME --model {out}")
    else:
        typer.echo(f"Ear {only_ear} is trained. The same command without --only-ear joins the ears.")


def text_head(
    pairs: Annotated[
        Path, typer.Option("--pairs", metavar="FILE", help="Parallel text (`sonoglot parallel-text`).")
    ],
    captions: Annotated[
        Path, typer.Option("--captions", metavar="CSV", help="AudioCaps CSV of English captions.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Anchor to write (safetensors).")],
) -> None:
    """Train the compact anchor's text tower, before any audio is seen."""
    from training.parallel_text import read_captions
    from training.text_head import Report, TextRecipe, read_pairs, write_anchor

    english = [pair.english for pair in read_captions(captions)]

    def on_step(step: int, loss: float) -> None:
        if step % 100 == 99:
            typer.echo(f"step {step + 1}, loss {loss:.3f}", err=True)

    report = Report(on_stage=lambda text: typer.echo(text, err=True), on_step=on_step)
    write_anchor(read_pairs(pairs), english, out, recipe=TextRecipe(), report=report)
    typer.echo(f"Written to {out}. Use it with: sonoglot train compact --anchor {out} ...")


def add_commands(wrap) -> typer.Typer:
    """Return the ``train`` command with its recipes, errors made readable by ``wrap``."""
    app.command("compact")(wrap(compact))
    for name, doc in PAPER_COMMANDS.items():
        app.command(name)(wrap(paper_command(name, doc)))
    app.command("text-head")(wrap(text_head))
    return app
