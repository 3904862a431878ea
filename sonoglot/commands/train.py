"""``sonoglot train``: run a recipe."""

import shlex
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model.anchor import Anchor
    from model.config import AnchorReference
    from training.progress import Progress
    from training.trainer import EpochReport

app = typer.Typer(help="Train a model by a recipe.", no_args_is_help=True)

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
PAPER_COMMANDS = {
    "cacara": "Train the paper's model: BEATs towards an OpenCLIP anchor, 3 epochs at batch 64.",
    "cacara-expanded": "Train the paper's model by its expanded schedule: 10 epochs at batch 110.",
    "cacara-plus": "Train by the paper's recipe and what is known to help at the same cost.",
}


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
        command=shlex.join(["sonoglot", *sys.argv[1:]]),
    )
    if only_ear is None:
        typer.echo(f"Written to {out}. Use it with: sonoglot index PATH... --library NAME --model {out}")
    else:
        typer.echo(f"Ear {only_ear} is trained. The same command without --only-ear joins the ears.")


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
        anchor: Annotated[
            str | None,
            typer.Option(
                "--anchor",
                metavar="NAME",
                help="`compact`, an OpenCLIP model, or local-dir:FOLDER; the paper's if not given.",
            ),
        ] = None,
        tag: Annotated[str | None, typer.Option(help="Tag of the OpenCLIP model's weights.")] = None,
        encoder: Annotated[
            str,
            typer.Option("--encoder", metavar="NAME", help="Audio encoder, of those that `models` lists."),
        ] = "beats",
        weights: Annotated[
            Path | None,
            typer.Option(
                "--weights",
                metavar="FILE",
                help="Published weights of the encoder; random ones if not given.",
            ),
        ] = None,
        without: Annotated[
            list[Practice] | None,
            typer.Option("--without", help="A practice of cacara-plus to leave out; may be given again."),
        ] = None,
        sigmoid: Annotated[
            bool, typer.Option("--sigmoid", help="Sigmoid loss in the place of cross-entropy.")
        ] = False,
        epochs: Annotated[int | None, typer.Option(min=1, help="Epochs; else the recipe's.")] = None,
        batch_size: Annotated[
            int | None, typer.Option(min=2, help="Clips in a batch; else the recipe's.")
        ] = None,
        lr: Annotated[float | None, typer.Option(min=0.0, help="Learning rate; else the recipe's.")] = None,
        seed: SeedOption = 0,
        device: DeviceOption = Device.CPU,
    ) -> None:
        from model.encoder_presets import encoder_preset

        from training.processes import joined
        from training.recipes.cacara import EncoderStart, cacara, recipe_named, varied

        recipe = varied(
            recipe_named(recipe_name),
            without=[practice.value for practice in without or []],
            sigmoid=sigmoid,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
        )
        start = EncoderStart(preset=encoder_preset(encoder), checkpoint=weights)
        with joined(device) as own_device:
            towers, reference = anchor_and_reference(anchor, tag, own_device)
            figures = cacara(
                data,
                out,
                anchor=towers,
                reference=reference,
                start=start,
                recipe=recipe,
                seed=seed,
                device=own_device,
                command=shlex.join(["sonoglot", *sys.argv[1:]]),
                progress=Reporter(recipe.epochs).progress(),
            )
        if figures is not None:
            typer.echo(f"Written to {out}. Use it with: sonoglot index PATH... --library NAME --model {out}")

    command.__doc__ = doc
    return command


def anchor_and_reference(name: str | None, tag: str | None, device: str) -> "tuple[Anchor, AnchorReference]":
    """Load the anchor to train towards, the paper's if none is named, and what a model directory says of it."""
    from model.config import AnchorReference
    from model.directory import load_anchor
    from model.open_clip_anchor import DEFAULT_MODEL, DEFAULT_TAG
    from model.presets import LOCAL

    name, tag = (name, tag) if name else (DEFAULT_MODEL, tag or DEFAULT_TAG)
    if name.startswith(LOCAL):  # absolute, since the model remembers it
        name = f"{LOCAL}{Path(name.removeprefix(LOCAL)).expanduser().resolve()}"
    anchor = load_anchor(name, tag=tag, device=device)
    return anchor, AnchorReference(model_name=name, tag=tag, fingerprint=anchor.fingerprint)


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


class Reporter:
    """Prints stages and epochs as lines, and the progress inside an epoch on a terminal."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def progress(self) -> "Progress":
        """Return where a recipe reports to."""
        from training.progress import Progress

        return Progress(on_stage=self.stage, on_batch=self.batch, on_epoch=self.epoch)

    def stage(self, text: str) -> None:
        typer.echo(text, err=True)

    def batch(self, clips: int, loss: float) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r{clips} clips, loss {loss:.3f}  ", nl=False, err=True)

    def epoch(self, report: "EpochReport") -> None:
        figures = "".join(f"{name} {value:.3f}, " for name, value in report.figures.items())
        start = "\r" if sys.stderr.isatty() else ""
        left_min = (self.epochs - report.epoch) * report.seconds / 60
        typer.echo(
            f"{start}epoch {report.epoch}/{self.epochs}: loss {report.loss:.3f}, {figures}"
            f"{report.clips_per_second:.0f} clips/s, {left_min:.0f} min left",
            err=True,
        )


def add_commands(wrap) -> typer.Typer:
    """Return the ``train`` command with its recipes, errors made readable by ``wrap``."""
    app.command("compact")(wrap(compact))
    for name, doc in PAPER_COMMANDS.items():
        app.command(name)(wrap(paper_command(name, doc)))
    app.command("text-head")(wrap(text_head))
    return app
