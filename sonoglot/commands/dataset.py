"""``sonoglot dataset``: a manifest of published data sets, combined by name."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sonoglot.options import JsonOption, ModelOption
from sonoglot.output import print_json


class Split(StrEnum):
    """Which clips of the sets."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


def dataset(
    combination: Annotated[
        str, typer.Argument(metavar="SETS", help="Like audiocaps+clotho+wavcaps@0.1; @ filters captions.")
    ],
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="Folder with a folder for each set, audio inside.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Manifest to write.")],
    split: Annotated[Split, typer.Option(help="Which clips of the sets.")] = Split.TRAIN,
    keep_evaluation_items: Annotated[
        bool, typer.Option("--keep-evaluation-items", help="Train on clips that are in somebody's test, too.")
    ] = False,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a manifest of published data sets: AudioCaps, Clotho, WavCaps, Auto-ACD, AudioSetCaps.

    --model names the model by which @ filters captions; it is not loaded without a filter.
    """
    from training.manifest import write_manifest
    from training.published.combine import combine, filter_captions, parse_combination

    terms = parse_combination(combination)
    found = combine(terms, root, split=split, keep_evaluation_items=keep_evaluation_items)
    if any(term.least is not None for term in terms):
        from model.directory import load_model

        found = filter_captions(found, terms, load_model(model), on_clip=lambda _: None)
    write_manifest(out, found.entries)
    if as_json:
        print_json({"manifest": str(out), "clips": len(found.entries), "sets": found.counts})
        return
    for name, counts in found.counts.items():
        typer.echo(f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))
    typer.echo(f"{len(found.entries):,} clips: {out}")
