"""How a training reports to the terminal: stages and epochs as lines, and the progress inside an epoch."""

import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from training.progress import Progress
    from training.trainer import EpochReport


class Reporter:
    """Prints stages and epochs as lines, and the progress inside an epoch on a terminal."""

    def __init__(self, epochs: int, *, silent: bool = False) -> None:
        self.epochs, self.silent = epochs, silent

    def progress(self) -> "Progress":
        """Return where a recipe reports to."""
        from training.progress import Progress

        return Progress(on_stage=self.stage, on_batch=self.batch, on_epoch=self.epoch)

    def stage(self, text: str) -> None:
        if not self.silent:
            typer.echo(text, err=True)

    def batch(self, clips: int, loss: float) -> None:
        if sys.stderr.isatty() and not self.silent:
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
