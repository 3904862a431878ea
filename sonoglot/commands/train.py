"""``sonoglot train``: run a recipe."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
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


class ScheduleName(StrEnum):
    """The paper's two schedules."""

    PAPER = "paper"
    EXPANDED = "expanded"


def cacara(
    data: DataOption,
    out: OutOption,
    anchor: Annotated[
        str | None,
        typer.Option(
            "--anchor", metavar="NAME", help="OpenCLIP model, or local-dir:FOLDER; the paper's if not given."
        ),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Tag of the OpenCLIP model's weights.")] = None,
    beats: Annotated[
        Path | None,
        typer.Option(
            "--beats", metavar="FILE", help="BEATs checkpoint to start from; random weights if not given."
        ),
    ] = None,
    schedule: Annotated[
        ScheduleName, typer.Option(help="paper: 3 epochs, batch 64; expanded: 10 epochs, batch 110.")
    ] = ScheduleName.PAPER,
    seed: SeedOption = 0,
    device: DeviceOption = Device.CPU,
) -> None:
    """Train the paper's model: BEATs towards an OpenCLIP anchor."""
    from model.config import AnchorReference
    from model.open_clip_anchor import DEFAULT_MODEL, DEFAULT_TAG, OpenClipAnchor
    from training.recipes.cacara import EXPANDED, PAPER
    from training.recipes.cacara import cacara as recipe

    name, tag = (_whole(anchor), tag) if anchor else (DEFAULT_MODEL, tag or DEFAULT_TAG)
    towers = OpenClipAnchor.load(name, tag=tag, device=device)
    chosen = {ScheduleName.PAPER: PAPER, ScheduleName.EXPANDED: EXPANDED}[schedule]
    recipe(
        data,
        out,
        anchor=towers,
        reference=AnchorReference(model_name=name, tag=tag, fingerprint=towers.fingerprint),
        beats=beats,
        schedule=chosen,
        seed=seed,
        device=device,
        command=shlex.join(["sonoglot", *sys.argv[1:]]),
        progress=Reporter(chosen.epochs).progress(),
    )
    typer.echo(f"Written to {out}. Use it with: sonoglot index PATH... --library NAME --model {out}")


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


def _whole(anchor: str) -> str:
    """Make a local directory's path absolute, since the model remembers it."""
    local = "local-dir:"
    return (
        f"{local}{Path(anchor.removeprefix(local)).expanduser().resolve()}"
        if anchor.startswith(local)
        else anchor
    )


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
    app.command("cacara")(wrap(cacara))
    app.command("text-head")(wrap(text_head))
    return app
