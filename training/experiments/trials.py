"""Trainings that an experiment compares: each is run by the paper's recipe, and its figures are kept beside it.

An experiment that was stopped goes on: what is finished is not trained again, and a training goes on where it was.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from model.anchor import Anchor
from model.audio_encoders import build_encoder
from model.config import AnchorReference, read_config
from model.directory import load_space
from model.space import EmbeddingSpace
from training.errors import DataError
from training.experiments.table import Table, write_report
from training.metering import meter
from training.progress import Progress
from training.recipes.cacara import ENCODER_FOLDER, EncoderStart, Recipe, cacara
from training.runs import content_hash
from training.shard_index import what_identifies
from training.trainer import CHECKPOINT_FILE, EpochReport

TRIAL_FILE = "trial.json"
COLUMNS = {
    "r1": "R@1",
    "r10": "R@10",
    "map10": "mAP@10",
    "class_map": "class mAP",
    "zero_shot": "zero-shot",
    "parameters_m": "trained, M",
    "seconds": "seconds",
    "clips_per_second": "clips/s",
}
ENERGY = {"energy_wh": "energy, Wh"}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training: ``data`` are manifests with clips of split ``val``, by which it is judged."""

    name: str
    data: Sequence[Path]
    anchor: Anchor
    reference: AnchorReference
    start: EncoderStart
    recipe: Recipe
    seed: int = 0

    @property
    def identity(self) -> str:
        """What decides the outcome: contents, and not names."""
        data = [content_hash(what_identifies(path)) for path in self.data]
        return f"{data} {self.anchor.fingerprint} {self.start.identity} {self.recipe} {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a trial came to: retrieval of held-out clips by their captions and class names, and what it took.

    ``seconds`` and ``clips_per_second`` are of the training alone; None where it was finished before it was timed.
    ``energy_wh`` is of all that was done for it, where it was metered.
    """

    name: str
    r1: float | None
    r10: float | None
    map10: float | None
    class_map: float | None
    zero_shot: float | None
    parameters_m: float
    seconds: float | None
    clips_per_second: float | None
    energy_wh: float | None


def run_trials(
    trials: Sequence[Trial],
    out: Path,
    *,
    metered: bool = False,
    device: str,
    command: str,
    progress: Progress,
) -> tuple[list[Outcome], list[EmbeddingSpace]]:
    """Run trials one after another, each in its folder of ``out``; return their outcomes and spaces.

    ``metered``: their energy, too, which needs CodeCarbon (``training.metering``).
    """
    doubled = [name for name, count in Counter(trial.name for trial in trials).items() if count > 1]
    if doubled:
        raise DataError(
            f"two trials are called {doubled[0]!r}; their files or folders must have different names"
        )
    outcomes, spaces = [], []
    for number, trial in enumerate(trials, start=1):
        progress.on_stage(f"{number} of {len(trials)}: {trial.name}")
        folder = out / trial.name.replace(" ", "-").replace("/", "-")
        outcomes.append(
            run_trial(trial, folder, metered=metered, device=device, command=command, progress=progress)
        )
        spaces.append(load_space(folder))
    return outcomes, spaces


def run_trial(
    trial: Trial, folder: Path, *, metered: bool, device: str, command: str, progress: Progress
) -> Outcome:
    """Run one, or return what it came to before. Raises DataError if the folder holds another."""
    kept, identity = folder / TRIAL_FILE, trial.identity
    if kept.exists():
        return _kept(kept, identity)
    begun = (folder / ENCODER_FOLDER / CHECKPOINT_FILE).exists()
    timed: list[EpochReport] = []
    figures: dict = {}

    def on_epoch(report: EpochReport) -> None:
        timed.append(report)
        progress.on_epoch(report)

    def train() -> None:
        found = cacara(
            trial.data,
            folder,
            anchor=trial.anchor,
            reference=trial.reference,
            start=trial.start,
            recipe=trial.recipe,
            seed=trial.seed,
            device=device,
            cache=folder.parent / "cache",
            command=command,
            progress=replace(progress, on_epoch=on_epoch),
        )
        figures.update(found or {})

    energy_wh = None
    if metered:
        energy_wh = meter(train, device=device).wh
    else:
        train()
    # of a training that was begun before, only a part was timed and metered
    outcome = _outcome(
        trial.name, figures, folder, [] if begun else timed, energy_wh=None if begun else energy_wh
    )
    write_report(kept, json.dumps({"identity": identity, "outcome": asdict(outcome)}).encode())
    return outcome


def _kept(path: Path, identity: str) -> Outcome:
    try:
        stored = json.loads(path.read_text("utf-8"))
        outcome, other = Outcome(**stored["outcome"]), stored["identity"] != identity
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is broken; delete its folder, and it is run again") from error
    if other:
        raise DataError(f"{path.parent} holds another trial of this name; choose another --out, or delete it")
    return outcome


def trial_table(title: str, outcomes: Sequence[Outcome], *, heading: str, notes: Sequence[str]) -> Table:
    """Return the table of trials, in their order."""
    energy = ENERGY if any(outcome.energy_wh is not None for outcome in outcomes) else {}
    return Table(
        title=title,
        columns={"name": heading, **COLUMNS, **energy},
        rows=[asdict(outcome) for outcome in outcomes],
        notes=[
            "R@k and mAP@10: held-out clips found by their captions; class mAP and zero-shot: by their class names.",
            *notes,
        ],
    )


def _outcome(
    name: str, figures: dict, folder: Path, timed: Sequence[EpochReport], *, energy_wh: float | None
) -> Outcome:
    encoder = build_encoder(read_config(folder).audio_encoder)
    found, classes = figures.get("text_to_audio", {}), figures.get("classes", {})
    seconds = sum(report.seconds for report in timed)
    heard = sum(report.seconds * report.clips_per_second for report in timed)
    return Outcome(
        name=name,
        r1=found.get("r1"),
        r10=found.get("r10"),
        map10=found.get("map10"),
        class_map=classes.get("map"),
        zero_shot=classes.get("zero_shot_accuracy"),
        parameters_m=sum(parameter.numel() for parameter in encoder.parameters()) / 1e6,
        seconds=seconds if timed else None,
        clips_per_second=heard / seconds if timed else None,
        energy_wh=energy_wh,
    )
