"""The paper's model (CACARA, arXiv 2512.00496): an OpenCLIP anchor, frozen, and BEATs with a linear map, trained.

What the paper states: BEATs from its published weights, a linear projection to the anchor's dimension, symmetric
InfoNCE against English captions, SpecAugment and random truncation, and epochs and batch sizes of the two schedules. It
does not state optimiser, learning rate, temperature or clip length; those here are this project's.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from model.beats import SAMPLE_RATE_HZ, BeatsEncoder, BeatsEncoderConfig
from model.beats_checkpoint import load_beats
from model.config import AnchorReference, ModelConfig
from model.open_clip_anchor import OpenClipAnchor
from training.alignment import align
from training.dataset import DrawChoices
from training.errors import DataError
from training.preparation import prepare, split_entries, validation
from training.progress import Progress
from training.recipes.finish import CardTexts, finish
from training.runs import run_id
from training.trainer import TrainerConfig

WINDOW_S, HOP_S = 10.0, 5.0  # AudioCaps' clips, and what BEATs was trained on


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Epochs and batch size, as the paper has them."""

    epochs: int
    batch_size: int


PAPER = Schedule(epochs=3, batch_size=64)
EXPANDED = Schedule(epochs=10, batch_size=110)


def cacara(
    data: Sequence[Path],
    out: Path,
    *,
    anchor: OpenClipAnchor,
    reference: AnchorReference,
    beats: Path | None,
    schedule: Schedule = PAPER,
    seed: int = 0,
    device: str = "cpu",
    command: str,
    progress: Progress,
) -> dict:
    """Train BEATs towards ``anchor``, write a model directory to ``out``, and return its figures.

    ``reference`` names the anchor in the directory. ``beats`` is a published checkpoint, or a converted one; without it
    BEATs starts from random weights, which only large data can teach. Clips of split ``train`` (or with none) are
    trained on, of ``val`` watched and reported. A run that was stopped goes on where its last epoch ended.
    """
    train, val = split_entries(data)
    if not any(entry.captions for entry in train):
        raise DataError("none of the clips has a caption; the paper's recipe learns from captions alone")
    encoder = start_encoder(beats, embed_dim=anchor.dim)
    clips = prepare(
        [replace(entry, tags=()) for entry in train if entry.captions],
        anchor,
        out / "cache",
        sample_rate_hz=SAMPLE_RATE_HZ,
        progress=progress,
    )
    choices = DrawChoices(
        batch_size=schedule.batch_size,
        mixture_share=0.0,
        machine_share=0.0,
        lengths_s=(WINDOW_S,),
        templates=("{}",),
    )
    settings = TrainerConfig(
        epochs=schedule.epochs,
        lr=1e-4,
        warmup_epochs=0.1,
        clip_norm=1.0,
        bank_weight=0.0,
        merge_same_meaning=False,
        layer_decay=0.75,
        average_decay=0.999,
        seed=seed,
        device=device,
    )
    weights = align(
        encoder,
        clips.batches(choices, mixtures=0, seed=seed),
        out / "beats",
        settings,
        run=run_id(clips.entries, anchor.fingerprint),
        evaluate=validation(val, clips.vectors, SAMPLE_RATE_HZ),
        progress=progress,
    )
    return finish(
        out,
        config=ModelConfig(
            name="cacara",
            anchor=reference,
            audio_encoder=encoder.config,
            window_s=WINDOW_S,
            hop_s=HOP_S,
        ),
        anchor={},
        audio=weights,
        texts=CardTexts(
            title="CACARA: BEATs towards an OpenCLIP anchor",
            about=f"BEATs and a linear map, started from {beats.name if beats else 'random weights'}, trained towards"
            f" the anchor below. 16 kHz mono, windows of {WINDOW_S:g} s.",
            anchor=f"{anchor.name} ({anchor.licence}), {anchor.dim} dimensions. Its weights are not in this directory.",
        ),
        train=clips.entries,
        val=val,
        settings=settings,
        command=command,
        progress=progress,
    )


def start_encoder(checkpoint: Path | None, *, embed_dim: int) -> BeatsEncoder:
    """Return BEATs under a new linear map, with a checkpoint's weights or random ones. Raises WeightsError."""
    if checkpoint is None:
        return BeatsEncoder(BeatsEncoderConfig(embed_dim=embed_dim))
    loaded = load_beats(checkpoint)
    encoder = BeatsEncoder(BeatsEncoderConfig(embed_dim=embed_dim, **asdict(loaded.config)))
    encoder.beats.load_state_dict(loaded.state_dict())
    return encoder
