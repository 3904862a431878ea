"""``sonoglot evaluate``: what a model retrieves, in figures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sonoglot.options import JsonOption, ModelOption
from sonoglot.output import clip_progress, print_json


def evaluate(
    data: Annotated[
        list[Path], typer.Option("--data", metavar="MANIFEST", help="Manifest; may be given again.")
    ],
    model: ModelOption = None,
    queries: Annotated[
        list[Path] | None,
        typer.Option("--queries", metavar="FILE", help="JSON lines of queries; may be given again."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Use only clips of this split (train, val, test); all if not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure retrieval on the clips of a manifest: by captions, class names, languages and pictures."""
    from model.directory import load_model
    from training.evaluation import evaluate as measure
    from training.manifest import read_split
    from training.query_files import read_queries

    entries = read_split(data, split)
    asked = [query for path in queries or [] for query in read_queries(path)]
    result = measure(load_model(model), entries, asked, on_progress=clip_progress(len(entries)))
    if as_json:
        print_json(result)
    else:
        _print_tables(result)


def _print_tables(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"{result['clips']} clips, {len(result['failed'])} unreadable, model {result['model']}")
    for part in ("text_to_audio", "audio_to_text", "image_to_audio"):
        if part in result:
            figures = ", ".join(f"{name} {value:.3f}" for name, value in result[part].items())
            console.print(f"[bold]{part}[/bold]: {figures}")
    if "classes" in result:
        classes = result["classes"]
        console.print(
            f"[bold]classes[/bold]: map {classes['map']:.3f}, "
            f"zero-shot accuracy {classes['zero_shot_accuracy']:.3f}"
        )
    if "languages" in result:
        table = Table("language", "queries", "mAP", "R@1", "share of English")
        for lang, row in sorted(result["languages"].items(), key=lambda item: -item[1]["map"]):
            share = row["share_of_english"]
            table.add_row(
                lang,
                str(row["queries"]),
                f"{row['map']:.3f}",
                f"{row['r1']:.3f}",
                "-" if share is None else f"{share:.2f}",
            )
        console.print(table)
    for sentence in result["diagnosis"]:
        console.print(sentence, style="yellow", markup=False)
