"""``sonoglot train``: run a recipe."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.trainer import EpochReport

app = typer.Typer(help="Train a model by a recipe.", no_args_is_help=True)


def compact(
    data: Annotated[
        list[Path], typer.Option("--data", metavar="MANIFEST", help="Manifest; may be given again.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Model directory to write; also resumes from it.")
    ],
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs; the recipe's own number if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
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
    from training.progress import Progress
    from training.recipes import COMPACT_EPOCHS
    from training.recipes import compact as recipe

    report = Reporter(epochs or COMPACT_EPOCHS)
    progress = Progress(on_stage=report.stage, on_batch=report.batch, on_epoch=report.epoch)
    recipe(
        data,
        out,
        epochs=epochs or COMPACT_EPOCHS,
        seed=seed,
        device=device,
        anchor_file=anchor,
        only_ear=only_ear,
        progress=progress,
        command=shlex.join(["sonoglot", *sys.argv[1:]]),
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


class Reporter:
    """Prints stages and epochs as lines, and the progress inside an epoch on a terminal."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def stage(self, text: str) -> None:
        typer.echo(text, err=True)

    def batch(self, clips: int, loss: float) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r{clips} clips, loss {loss:.3f}  ", nl=False, err=True)

    def epoch(self, report: "EpochReport") -> None:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in report.figures.items())
        start = "\r" if sys.stderr.isatty() else ""
        left_min = (self.epochs - report.epoch) * report.seconds / 60
        typer.echo(
            f"{start}epoch {report.epoch}/{self.epochs}: loss {report.loss:.3f}, {figures}, "
            f"{report.clips_per_second:.0f} clips/s, {left_min:.0f} min left",
            err=True,
        )


def add_commands(wrap) -> typer.Typer:
    """Return the ``train`` command with its recipes, errors made readable by ``wrap``."""
    app.command("compact")(wrap(compact))
    app.command("text-head")(wrap(text_head))
    return app
