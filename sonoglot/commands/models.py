"""``sonoglot models``: the built-in model, what a model directory holds, and what can be trained towards what."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sonoglot.options import JsonOption
from sonoglot.output import print_json


def models(
    directories: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR]...", help="Model directories to look at too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the built-in model, any model directories given, and the anchors and audio encoders to train others from."""
    from model.directory import DEFAULT_MODEL_DIR
    from model.encoder_presets import ENCODER_PRESETS
    from model.presets import OPEN_CLIP_PRESETS

    found = [_describe(directory) for directory in (DEFAULT_MODEL_DIR, *(directories or []))]
    found[0]["default"] = True
    if as_json:
        anchors, encoders = (
            [asdict(preset) for preset in each] for each in (OPEN_CLIP_PRESETS, ENCODER_PRESETS)
        )
        print_json({"models": found, "anchors": anchors, "encoders": encoders})
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("model", "dimension", "fingerprint", "directory")
    for item in found:
        name = f"{item['name']} (default)" if item["default"] else item["name"]
        facts = ("-", "-") if item["missing"] else (str(item["dim"]), item["fingerprint"][:12])
        table.add_row(name, *facts, Text(item["directory"], overflow="fold"))
    console = Console()
    console.print(table)
    for item in filter(lambda item: item["missing"], found):
        console.print(f"Not to be used here: {item['missing']}.", markup=False, soft_wrap=True)
    console.print("Each model's licences are on its card, README.md in its directory.\n")
    console.print(
        "Anchors to train towards (`sonoglot train cacara`), with XM3600 text-to-image R@1 by language:\n"
    )
    for anchor in OPEN_CLIP_PRESETS:
        console.print(f"--anchor {anchor.model_name} --tag {anchor.tag}", style="bold", soft_wrap=True)
        console.print(f"    {anchor.dim} dimensions; licence: {anchor.licence}\n    {anchor.languages}")
    console.print("\nAudio encoders to train:\n")
    for encoder in ENCODER_PRESETS:
        console.print(encoder.name, style="bold")
        console.print(f"    {encoder.about}\n    licence of the weights: {encoder.licence}", soft_wrap=True)
        if encoder.checkpoint:
            console.print(f"    can start from {encoder.checkpoint}", soft_wrap=True)


def _describe(directory: Path) -> dict[str, Any]:
    """What a directory holds; ``missing`` says what is not installed to open it, for then nothing else can be told."""
    from model.directory import load_space
    from model.errors import MissingPartError

    place = {"directory": str(directory), "default": False}
    try:
        space = load_space(directory)
    except MissingPartError as error:
        return {"name": directory.name, "dim": None, "fingerprint": None, "missing": str(error), **place}
    facts = {"name": space.name, "dim": space.dim, "fingerprint": space.fingerprint}
    return facts | {"missing": None, **place}
