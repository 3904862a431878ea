"""``sonoglot experiment``: the paper's experiments, each a table and, where it helps, a plot."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonoglot.commands import experiment_training
from sonoglot.commands.tables import write_tables
from sonoglot.options import ModelOption
from sonoglot.output import clip_progress
from sonoglot.train_options import DataOption

if TYPE_CHECKING:
    from training.experiments.measured import Measured
    from training.manifest import ManifestEntry

app = typer.Typer(help="Run one of the paper's experiments and write its tables.", no_args_is_help=True)

SplitOption = Annotated[
    str | None, typer.Option(help="Use only clips of this split (train, val, test); all if not given.")
]
QueriesOption = Annotated[
    list[Path], typer.Option("--queries", metavar="FILE", help="JSON lines of queries; may be given again.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write tables and plots to.")]


def languages(
    data: DataOption,
    queries: QueriesOption,
    out: OutOption,
    model: ModelOption = None,
    split: SplitOption = None,
) -> None:
    """Retrieval per language beside the anchor's own coverage; one table and plot a query file."""
    from training.experiments.languages import languages as experiment
    from training.experiments.plot import scatter
    from training.query_files import read_queries

    if len({path.stem for path in queries}) < len(queries):
        raise typer.BadParameter("two files have one name, and so would their tables", param_hint="--queries")
    asked = {path: read_queries(path) for path in queries}
    measured = _measure(_entries(data, split), model)
    tables = {path.stem: experiment(measured, own, name=path.name) for path, own in asked.items()}
    for name, table in tables.items():
        write_tables(out, table, f"languages-{name}", [measured.model.space])
    for name, table in tables.items():
        plot = scatter(
            out / f"languages-{name}.svg",
            table,
            name="lang",
            x="coverage_map",
            y="map",
        )
        typer.echo(f"Written to {plot}")


class LayoutName(StrEnum):
    """Data sets whose folders are read as their makers publish them."""

    ESC50 = "esc50"
    URBANSOUND8K = "urbansound8k"


def zero_shot(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The data set's folder, as published.")],
    layout: Annotated[LayoutName, typer.Option(help="Which data set it is.")],
    out: OutOption,
    fold: Annotated[
        list[int] | None, typer.Option(help="Only this fold; may be given again. All if not given.")
    ] = None,
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Also average the label over a few sentences about a sound.")
    ] = False,
    model: ModelOption = None,
) -> None:
    """Zero-shot classification per fold, and the worst classes with what they are taken for."""
    from training.experiments.layouts import LAYOUTS, read_folds
    from training.experiments.zero_shot import zero_shot as experiment

    folds = read_folds(root, LAYOUTS[layout], only=fold or ())
    measured = _measure([entry for entries in folds.values() for entry in entries], model)
    by_fold, worst = experiment(measured, folds, prompts=prompts)
    write_tables(out, by_fold, f"zero-shot-{layout}", [measured.model.space])
    write_tables(out, worst, f"zero-shot-{layout}-worst", [measured.model.space])


def pictures(
    data: DataOption,
    queries: QueriesOption,
    out: OutOption,
    model: ModelOption = None,
    split: SplitOption = None,
) -> None:
    """Emergent audio-image retrieval both ways, with class names on the same clips beside it."""
    from training.experiments.pictures import pictures as experiment
    from training.query_files import read_queries

    asked = [query for path in queries for query in read_queries(path)]
    measured = _measure(_entries(data, split), model)
    write_tables(out, experiment(measured, asked), "pictures", [measured.model.space])


def domains(data: DataOption, out: OutOption, model: ModelOption = None, split: SplitOption = None) -> None:
    """Domain transfer: animals, environment, people, machines, instruments and speech side by side."""
    from training.experiments.domains import domains as experiment

    measured = _measure(_entries(data, split), model)
    write_tables(out, experiment(measured), "domains", [measured.model.space])


def _entries(data: list[Path], split: str | None) -> "list[ManifestEntry]":
    from training.manifest import read_split

    return read_split(data, split)


def _measure(entries: "list[ManifestEntry]", model: Path | None) -> "Measured":
    from model.directory import load_model
    from training.experiments.measured import measure

    return measure(load_model(model), entries, on_progress=clip_progress(len(entries)))


def add_commands(wrap) -> typer.Typer:
    """Return the ``experiment`` command with its experiments, errors made readable by ``wrap``."""
    app.command("languages")(wrap(languages))
    app.command("zero-shot")(wrap(zero_shot))
    app.command("pictures")(wrap(pictures))
    app.command("domains")(wrap(domains))
    app.command("encoders")(wrap(experiment_training.encoders))
    app.command("losses")(wrap(experiment_training.losses))
    app.command("data")(wrap(experiment_training.data))
    app.command("scale")(wrap(experiment_training.scale))
    app.command("emergence")(wrap(experiment_training.emergence))
    return app
