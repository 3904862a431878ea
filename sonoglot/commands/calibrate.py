"""``sonoglot calibrate``: teaches a model to say how sure it is."""

from pathlib import Path
from typing import Annotated

import typer

from sonoglot.output import clip_progress


def calibrate(
    model: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="The calibration is written into it.")],
    data: Annotated[
        list[Path], typer.Option("--data", metavar="MANIFEST", help="Manifest; may be given again.")
    ],
    queries: Annotated[
        list[Path],
        typer.Option("--queries", metavar="FILE", help="JSON lines of queries; may be given again."),
    ],
    background_split: Annotated[
        str, typer.Option(help="Split whose clips are the background; none that is asked.")
    ] = "train",
    split: Annotated[str, typer.Option(help="Split that is asked.")] = "val",
) -> None:
    """Fit how likely a hit is right to its cosine, and print what that does, cross-validated."""
    from rich.console import Console
    from rich.table import Table

    from model.directory import load_model
    from training.calibration import background_of
    from training.calibration import calibrate as fit
    from training.evaluation import embed_clips
    from training.manifest import read_split
    from training.query_files import read_queries

    loaded = load_model(model)
    asked = [query for path in queries for query in read_queries(path)]
    others, entries = read_split(data, background_split), read_split(data, split)
    elsewhere, _, _ = embed_clips(loaded, others, on_progress=clip_progress(len(others)))
    clips, used, _ = embed_clips(loaded, entries, on_progress=clip_progress(len(entries)))
    calibration, told = fit(loaded, asked, clips, used, background_of(elsewhere))
    calibration.save(model)
    table = Table("questions", "number", "first right", "good, with answers", "good, without", "error")
    for name, row in told.items():
        values = (row.questions, row.first_right, row.said_with_answers, row.said_without, row.error)
        table.add_row(name, *(f"{value:.3f}" if isinstance(value, float) else str(value) for value in values))
    Console().print(table)
