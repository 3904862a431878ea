"""The experiments that train: encoders, losses, data sets and sizes side by side, and the control of emergence."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonoglot.commands.reporter import Reporter
from sonoglot.commands.tables import write_tables
from sonoglot.commands.train_paper import anchor_and_reference
from sonoglot.options import ModelOption
from sonoglot.output import typed_command
from sonoglot.train_options import (
    AnchorOption,
    BatchSizeOption,
    DataOption,
    Device,
    DeviceOption,
    EncoderOption,
    EpochsOption,
    RateOption,
    SeedOption,
    TagOption,
    WeightsOption,
)

if TYPE_CHECKING:
    from training.experiments.trials import Trial
    from training.recipes.cacara import EncoderStart, Recipe

OutOption = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="Folder for the table and the models; also resumes from it."),
]


def encoders(
    data: DataOption,
    out: OutOption,
    encoder: Annotated[
        list[str],
        typer.Option("--encoder", metavar="NAME[=FILE]", help="Encoder, and its weights; repeat it."),
    ],
    anchor: AnchorOption = None,
    tag: TagOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    lr: RateOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.CPU,
) -> None:
    """Encoder ablation: the paper's recipe with one audio encoder after another."""
    from training.experiments.trials import Trial

    towers, reference = anchor_and_reference(anchor, tag, device)
    recipe = _paper(epochs=epochs, batch_size=batch_size, lr=lr)
    trials = [
        Trial(
            name=_named(name),
            data=data,
            anchor=towers,
            reference=reference,
            start=_start(name),
            recipe=recipe,
            seed=seed,
        )
        for name in encoder
    ]
    notes = [f"{trial.name}: {trial.start}." for trial in trials]
    _run(trials, out, device, title="Audio encoders", heading="encoder", stem="encoders", notes=notes)


def losses(
    data: DataOption,
    out: OutOption,
    encoder: EncoderOption = "beats",
    weights: WeightsOption = None,
    anchor: AnchorOption = None,
    tag: TagOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    lr: RateOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.CPU,
) -> None:
    """Loss ablation: the paper's loss, each practice of cacara-plus alone, and all of them."""
    from training.experiments.losses import NOTES, loss_recipes
    from training.experiments.trials import Trial

    towers, reference = anchor_and_reference(anchor, tag, device)
    start = _start(f"{encoder}={weights}" if weights else encoder)
    trials = [
        Trial(name=name, data=data, anchor=towers, reference=reference, start=start, recipe=recipe, seed=seed)
        for name, recipe in loss_recipes(_paper(epochs=epochs, batch_size=batch_size, lr=lr)).items()
    ]
    notes = [f"Encoder: {start}.", *NOTES]
    _run(trials, out, device, title="Losses", heading="loss", stem="losses", notes=notes)


def data(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder with a folder for each set.")],
    sets: Annotated[
        list[str], typer.Option("--sets", metavar="SETS", help="Like audiocaps+wavcaps@0.1; repeat it.")
    ],
    validation: Annotated[
        list[Path], typer.Option("--validation", metavar="MANIFEST", help="Clips of split val to judge by.")
    ],
    out: OutOption,
    filter_by: ModelOption = None,
    encoder: EncoderOption = "beats",
    weights: WeightsOption = None,
    anchor: AnchorOption = None,
    tag: TagOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    lr: RateOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.CPU,
) -> None:
    """Data ablation: combinations of published sets, machine captions filtered at any threshold.

    --model names the model whose likeness @ filters by.
    """
    from training.experiments.data_sets import combined_manifests, only_validation
    from training.experiments.trials import Trial

    towers, reference = anchor_and_reference(anchor, tag, device)
    start = _start(f"{encoder}={weights}" if weights else encoder)
    recipe = _paper(epochs=epochs, batch_size=batch_size, lr=lr)
    watched = only_validation(validation, out)
    combined = combined_manifests(sets, root, out, model=filter_by)
    trials = [
        Trial(
            name=made.name,
            data=[made.path, watched],
            anchor=towers,
            reference=reference,
            start=start,
            recipe=recipe,
            seed=seed,
        )
        for made in combined
    ]
    notes = [f"Encoder: {start}.", *(f"{made.name}: {made.told}." for made in combined)]
    _run(trials, out, device, title="Training data", heading="data sets", stem="data", notes=notes)


def scale(
    data: DataOption,
    out: OutOption,
    pair: Annotated[
        list[str],
        typer.Option(
            "--pair",
            metavar="ANCHOR[@TAG]+ENCODER[=FILE]",
            help="An anchor and an audio encoder, small to large; repeat it.",
        ),
    ],
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    lr: RateOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.CPU,
) -> None:
    """Scale: the same recipe with small and large anchors and encoders."""
    from training.experiments.trials import Trial

    recipe = _paper(epochs=epochs, batch_size=batch_size, lr=lr)
    trials = []
    for text in pair:
        names, equals, file = text.partition("=")
        named, _, name_of_encoder = names.rpartition("+")
        encoder = f"{name_of_encoder}{equals}{file}"
        if not named:
            raise typer.BadParameter(f"{text!r} is not ANCHOR+ENCODER", param_hint="--pair")
        name, _, tag = named.partition("@")
        towers, reference = anchor_and_reference(name, tag or None, device)
        trials.append(
            Trial(
                name=f"{towers.name.rpartition('/')[2] if name.startswith('local-dir:') else named}"
                f" + {_named(encoder)}",
                data=data,
                anchor=towers,
                reference=reference,
                start=_start(encoder),
                recipe=recipe,
                seed=seed,
            )
        )
    notes = [f"{trial.name}: {trial.start}; anchor of {trial.anchor.dim} dimensions." for trial in trials]
    notes.append(
        "Energy is of decoding, training and measuring, as CodeCarbon counts it: a GPU's own counter, an estimate on a "
        "CPU."
    )
    _run(
        trials,
        out,
        device,
        metered=True,
        title="Scale",
        heading="anchor and encoder",
        stem="scale",
        notes=notes,
    )


def emergence(
    data: DataOption,
    queries: Annotated[
        list[Path], typer.Option("--queries", metavar="FILE", help="JSON lines of pictures; may be repeated.")
    ],
    out: OutOption,
    model: ModelOption = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of fine-tuning.")] = 3,
    lr: Annotated[float, typer.Option(min=0.0, help="Learning rate of fine-tuning.")] = 1e-4,
    seed: SeedOption = 0,
) -> None:
    """The control of emergence: what fine-tuning on audio-image pairs adds to finding sounds by pictures."""
    from model.torch_directory import load_torch_model
    from training.experiments.emergence import FineTuning
    from training.experiments.emergence import emergence as experiment
    from training.preparation import split_entries
    from training.query_files import read_queries

    loaded = load_torch_model(model)
    train, held_out = split_entries(data)
    table = experiment(
        loaded,
        train,
        held_out,
        [query for path in queries for query in read_queries(path)],
        out,
        tuning=FineTuning(epochs=epochs, lr=lr, seed=seed),
        progress=Reporter(epochs).progress(),
    )
    write_tables(out, table, "emergence", [loaded.space])


def _paper(*, epochs: int | None, batch_size: int | None, lr: float | None) -> "Recipe":
    from training.recipes.cacara import PAPER, varied

    return varied(PAPER, epochs=epochs, batch_size=batch_size, lr=lr)


def _start(text: str) -> "EncoderStart":
    """Read NAME or NAME=FILE."""
    from model.encoder_presets import encoder_preset
    from training.recipes.cacara import EncoderStart

    name, _, file = text.partition("=")
    return EncoderStart(preset=encoder_preset(name), checkpoint=Path(file) if file else None)


def _named(text: str) -> str:
    """Name an encoder, and its weights by their file's name."""
    name, _, file = text.partition("=")
    return f"{name} from {Path(file).name}" if file else name


def _run(
    trials: "Sequence[Trial]",
    out: Path,
    device: Device,
    *,
    metered: bool = False,
    title: str,
    heading: str,
    stem: str,
    notes: Sequence[str],
) -> None:
    from training.experiments.trials import run_trials, trial_table

    outcomes, spaces = run_trials(
        trials,
        out,
        metered=metered,
        device=device,
        command=typed_command(),
        progress=Reporter(trials[0].recipe.epochs).progress(),
    )
    recipe = trials[0].recipe
    schedule = (
        f"{recipe.epochs} epochs at batch {recipe.batch_size}, learning rate {recipe.lr:g}, on {device}."
    )
    table = trial_table(title, outcomes, heading=heading, notes=[schedule, *notes])
    write_tables(out, table, stem, spaces)
