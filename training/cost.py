"""What a frozen anchor saves: the paper's recipe against training all three towers, on the same pairs.

Each training runs in a process of its own, so that peaks of memory are its own and neither finds warm what the other
loaded. The paper (arXiv 2512.00496) reports 79 % less time and 73 % less energy.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import torch

from model.presets import COMPACT
from model.space import EmbeddingSpace
from model.torch_directory import load_anchor
from training.cost_runs import CostSetup, FrozenRun, TriModalRun
from training.errors import DataError, MeteringError
from training.experiments.table import Table
from training.metering import Spent, meter, resident_bytes

FROZEN, TRI_MODAL = "anchor frozen (the paper's recipe)", "text, image and audio trained"
RUNS = {FROZEN: FrozenRun, TRI_MODAL: TriModalRun}
MIB = 1 << 20
COLUMNS = {
    "training": "training",
    "seconds": "seconds",
    "captions_s": "of these, embedding captions",
    "processor_s": "processor seconds",
    "energy_wh": "energy (Wh)",
    "peak_mib": "peak memory (MiB)",
    "trainable": "trainable parameters",
    "seconds_saved": "time saved (%)",
    "processor_saved": "processor time saved (%)",
    "energy_saved": "energy saved (%)",
    "memory_saved": "memory saved (%)",
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one training cost; ``idle_bytes``: what its process held before it loaded anything."""

    spent: Spent
    captions_s: float
    captions: int
    trainable: int
    clips: int
    pictures: int
    idle_bytes: int
    device: str


def measure_cost(setup: CostSetup, *, on_stage: Callable[[str], None]) -> tuple[Table, EmbeddingSpace]:
    """Train both ways and return the table, and the anchor's space.

    Raises:
        DataError: there are too few clips, or the anchor's towers cannot be trained.
        MeteringError: CodeCarbon is missing, or a training's process was killed.
    """
    if setup.anchor == COMPACT:
        raise DataError(
            "the towers of the compact anchor cannot be trained here, since its text tower is built of ready-made "
            "parts; give an OpenCLIP model (--anchor), even a tiny one as local-dir:FOLDER"
        )
    if not setup.steps:
        raise DataError(f"{setup.pairs} pairs do not fill one batch of {setup.batch_size}; give more --pairs")
    if setup.device.startswith("cuda") and not torch.cuda.is_available():
        raise DataError("there is no CUDA device that torch can use; measure on the CPU")
    outcomes = {}
    for name in RUNS:
        on_stage(f"{name}: {setup.steps * setup.batch_size} pairs in batches of {setup.batch_size}")
        outcomes[name] = _in_own_process(name, setup)
        on_stage(f"    {outcomes[name].spent.seconds:.1f} s, {outcomes[name].spent.wh:.3f} Wh")
    anchor = load_anchor(setup.anchor, tag=setup.tag)
    space = EmbeddingSpace(name=anchor.name, fingerprint=anchor.fingerprint, dim=anchor.dim)
    return cost_table(setup, outcomes), space


def run(name: str, setup: CostSetup) -> Outcome:
    """Train in this process by one of ``RUNS``."""
    idle = resident_bytes()
    training = RUNS[name](setup)
    spent = meter(training.train, device=setup.device)
    return Outcome(
        spent=spent,
        captions_s=training.captions_s,
        captions=len(training.clips.captions),
        trainable=training.trainable,
        clips=len(training.clips.entries),
        pictures=sum(entry.image is not None for entry in training.clips.entries),
        idle_bytes=idle,
        device=torch.cuda.get_device_name(setup.device) if setup.device.startswith("cuda") else "CPU",
    )


def cost_table(setup: CostSetup, outcomes: dict[str, Outcome]) -> Table:
    """Return the table of both trainings, with what it shows and does not show."""
    whole, frozen = outcomes[TRI_MODAL].spent, outcomes[FROZEN].spent
    saved = {
        "seconds_saved": _saved(frozen.seconds, whole.seconds),
        "processor_saved": _saved(frozen.processor_s, whole.processor_s),
        "energy_saved": _saved(frozen.wh, whole.wh),
        "memory_saved": _saved(frozen.peak_bytes, whole.peak_bytes),
    }
    rows = [_row(name, outcome) | (saved if name == FROZEN else {}) for name, outcome in outcomes.items()]
    return Table(
        title=f"What a frozen anchor saves over {setup.steps * setup.batch_size} pairs",
        columns=COLUMNS,
        rows=rows,
        notes=[*_notes(setup, outcomes[FROZEN]), _memory_note(outcomes[FROZEN]), _energy_note(outcomes)],
    )


def _in_own_process(name: str, setup: CostSetup) -> Outcome:
    fresh = multiprocessing.get_context("spawn")  # a fork would inherit this one's memory and threads
    try:
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            return pool.submit(run, name, setup).result()
    except BrokenProcessPool as error:
        raise MeteringError(
            f"the process that trained ({name}) was killed, most likely for want of memory; lower --batch-size"
        ) from error


def _row(name: str, outcome: Outcome) -> dict[str, str | int | float]:
    return {
        "training": name,
        "seconds": outcome.spent.seconds,
        "captions_s": outcome.captions_s,
        "processor_s": outcome.spent.processor_s,
        "energy_wh": outcome.spent.wh,
        "peak_mib": round(outcome.spent.peak_bytes / MIB),
        "trainable": outcome.trainable,
    }


def _saved(frozen: float, whole: float) -> float | None:
    return 100 * (1 - frozen / whole) if whole else None


def _notes(setup: CostSetup, outcome: Outcome) -> list[str]:
    pictures = (
        "every clip has a picture"
        if outcome.pictures == outcome.clips
        else f"{outcome.pictures} of {outcome.clips} clips have a picture, the others a blank one of the anchor's "
        "size: cost does not depend on what a picture shows, beyond decoding it"
    )
    return [
        f"Both see the same {setup.steps * setup.batch_size} pairs ({setup.steps} batches of {setup.batch_size}) of "
        f"{outcome.clips} clips, with the encoder {setup.encoder.name} on {outcome.device}; loading models and "
        "decoding clips are not counted. Where other programs run beside, processor seconds are the steadier figure.",
        f"The frozen recipe embeds its {outcome.captions} captions once, which is counted; over more epochs that "
        "weighs less. It also keeps a running mean of the encoder's weights, which the other does not.",
        f"Of the pictures: {pictures}.",
        "It shows what the same number of pairs costs, not what is learned from them: no retrieval is measured here. "
        "The paper reports 79 % less time and 73 % less energy, at sizes and on hardware of its own.",
    ]


def _memory_note(outcome: Outcome) -> str:
    if outcome.device != "CPU":
        return "Memory is the most that tensors took on the GPU (torch.cuda.max_memory_allocated)."
    return (
        f"Memory is the peak resident set of each training's own process while it trains, of which Python and its "
        f"libraries are {outcome.idle_bytes / MIB:,.0f} MiB before anything is loaded."
    )


def _energy_note(outcomes: dict[str, Outcome]) -> str:
    frozen, whole = outcomes[FROZEN].spent, outcomes[TRI_MODAL].spent
    parts = ", ".join(
        f"{part} {getattr(frozen, field):.3g} and {getattr(whole, field):.3g} Wh"
        for part, field in (("processor", "cpu_wh"), ("memory", "ram_wh"), ("GPU", "gpu_wh"))
    )
    if outcomes[FROZEN].device != "CPU":
        return f"Energy is CodeCarbon's; the GPU's is its own counter's (NVML). Frozen and not: {parts}."
    return (
        "Energy is an estimate of CodeCarbon's: without a GPU it comes of the processor's rated power and load where "
        "there is no counter, and of a constant for the memory, so that it mostly follows time. "
        f"Frozen and not: {parts}."
    )
