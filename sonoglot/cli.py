"""The ``sonoglot`` command: a list of the commands there are. Each lives in a module of
``sonoglot.commands``."""

import typer

from sonoglot.commands import (
    calibrate,
    convert_beats,
    cost,
    dataset,
    duplicates,
    evaluate,
    experiment,
    export,
    index,
    keys,
    libraries,
    manifest,
    models,
    parallel_text,
    queries,
    remove,
    search,
    serve,
    shards,
    status,
    tags,
    train,
    verify,
    worker,
)
from sonoglot.output import readable_errors

app = typer.Typer(
    name="sonoglot",
    help="Find sounds by text in any language, by a picture, or by another sound.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("index")(readable_errors(index.index))
app.command("search")(readable_errors(search.search))
app.command("serve")(readable_errors(serve.serve))
app.command("worker")(readable_errors(worker.worker))
app.add_typer(keys.add_commands(readable_errors), name="keys")
app.command("libraries")(readable_errors(libraries.libraries))
app.command("status")(readable_errors(status.status))
app.command("verify")(readable_errors(verify.verify))
app.command("rebuild")(readable_errors(verify.rebuild))
app.command("duplicates")(readable_errors(duplicates.duplicates))
app.command("remove")(readable_errors(remove.remove))
app.command("models")(readable_errors(models.models))
app.command("export")(readable_errors(export.export))
app.command("convert-beats")(readable_errors(convert_beats.convert_beats))
app.command("tags")(readable_errors(tags.tags))
app.command("manifest")(readable_errors(manifest.manifest))
app.command("dataset")(readable_errors(dataset.dataset))
app.command("shards")(readable_errors(shards.shards))
app.command("parallel-text")(readable_errors(parallel_text.parallel_text))
app.add_typer(train.add_commands(readable_errors), name="train")
app.add_typer(queries.add_commands(readable_errors), name="queries")
app.command("calibrate")(readable_errors(calibrate.calibrate))
app.command("evaluate")(readable_errors(evaluate.evaluate))
app.command("cost")(readable_errors(cost.cost))
app.add_typer(experiment.add_commands(readable_errors), name="experiment")


def main() -> None:
    """Run the command line; the entry point of the package."""
    app()
