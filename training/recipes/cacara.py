"""The paper's recipe (CACARA, arXiv 2512.00496): a frozen anchor, and an audio encoder with a linear map, trained.

What the paper states: BEATs from its published weights, a linear projection to the anchor's dimension, symmetric
InfoNCE against English captions, SpecAugment and random truncation, and epochs and batch sizes of the two schedules. It
does not state optimiser, learning rate, temperature or clip length; those here are this project's, and so is
``PLUS``. The encoder is any that a preset names; nothing here knows which.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from model.anchor import Anchor
from model.audio_encoders import start_encoder
from model.config import AnchorReference, ModelConfig
from model.encoder_presets import EncoderPreset
from training.alignment import align
from training.averaging import decay_over
from training.contrast import Contrast, ContrastiveObjective
from training.preparation import validation
from training.processes import first_alone, own_share
from training.progress import Progress
from training.recipes.finish import CardTexts, finish
from training.runs import content_hash, run_id
from training.sources import batches_of, read_source
from training.streaming import StreamedData
from training.text_vectors import TextVectors
from training.trainer import TrainerConfig

ENCODER_FOLDER = "audio-encoder"  # of a run's folder: where its checkpoint is
FINE_TUNED_DECAY = (
    0.75  # of learning rates, layer by layer, under published weights; from nothing all are equal
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Epochs and batch size, the loss, and the learning rate."""

    name: str
    epochs: int
    batch_size: int
    contrast: Contrast = field(default_factory=Contrast)
    lr: float = 1e-4


PAPER = Recipe(name="cacara", epochs=3, batch_size=64)
EXPANDED = Recipe(name="cacara-expanded", epochs=10, batch_size=110)
PLUS = Recipe(
    name="cacara-plus",
    epochs=3,
    batch_size=64,
    contrast=Contrast(bank_negatives=True, mask_false_negatives=True, soft_targets=True, captions_per_clip=2),
)
RECIPES = (PAPER, EXPANDED, PLUS)
PRACTICES = {  # what each is in the loss when it is left out
    "bank": {"bank_negatives": False},
    "mask": {"mask_false_negatives": False},
    "soft": {"soft_targets": False},
    "captions": {"captions_per_clip": 1},
}


def recipe_named(name: str) -> Recipe:
    """Return one of the recipes."""
    return next(recipe for recipe in RECIPES if recipe.name == name)


def varied(
    recipe: Recipe,
    *,
    without: Sequence[str] = (),
    sigmoid: bool = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
) -> Recipe:
    """Return a recipe without some ``PRACTICES``, by a sigmoid loss, or with other numbers where they are given."""
    off = {field: value for name in without for field, value in PRACTICES[name].items()}
    contrast = replace(recipe.contrast, **off)
    if sigmoid:
        contrast = replace(contrast, sigmoid=True)
    return replace(
        recipe,
        contrast=contrast,
        epochs=epochs or recipe.epochs,
        batch_size=batch_size or recipe.batch_size,
        lr=recipe.lr if lr is None else lr,
    )


@dataclass(frozen=True, kw_only=True)
class EncoderStart:
    """Which audio encoder is trained, and the file of published weights that it starts from, if any."""

    preset: EncoderPreset
    checkpoint: Path | None = None

    def __str__(self) -> str:
        start = f"started from {self.checkpoint.name}" if self.checkpoint else "without published weights"
        return f"{self.preset.name} ({self.preset.about}), {start}"

    @property
    def identity(self) -> str:
        """What decides the weights that are started from: with a checkpoint, its content."""
        return f"{self.preset} {content_hash(self.checkpoint) if self.checkpoint else ''}"

    @property
    def licence_note(self) -> str:
        """What a card says of the weights that were started from."""
        return (
            f"Licence of the weights it was started from: {self.preset.licence}.\n" if self.checkpoint else ""
        )


def cacara(
    data: Sequence[Path],
    out: Path,
    *,
    anchor: Anchor,
    reference: AnchorReference,
    start: EncoderStart,
    recipe: Recipe = PAPER,
    seed: int = 0,
    device: str = "cpu",
    cache: Path | None = None,
    command: str,
    progress: Progress,
) -> dict | None:
    """Train an audio encoder towards ``anchor``, write a model directory to ``out``, and return its figures.

    ``reference`` names the anchor in the directory. Clips of split ``train`` (or with none) are trained on, of ``val``
    watched and reported; a folder of shards (``training.shards``) among ``data`` is trained on in the place of the
    manifests' own. ``cache`` is where captions' vectors are kept, in ``out`` if it is not given. A run that was stopped
    goes on where it was. Of several processes (``training.processes``) the first alone writes and returns figures, the
    others None.
    """
    source = read_source(data)
    encoder = start_encoder(start.preset, embed_dim=anchor.dim, checkpoint=start.checkpoint, seed=seed)
    window_s = start.preset.window_s
    card_data = source.card_data()  # before, and not after days of training, in case it cannot be read
    with first_alone():
        progress.on_stage(f"embedding captions with the {anchor.name} anchor")
        vectors = TextVectors(anchor, cache or out / "cache")
        vectors.add(source.captions())
    batches = batches_of(
        source,
        vectors,
        sample_rate_hz=encoder.sample_rate_hz,
        batch_size=recipe.batch_size,
        seconds=window_s,
        captions_per_clip=recipe.contrast.captions_per_clip,
        seed=seed,
        progress=progress,
    )
    watched = source.val if own_share().index == 0 else []
    watch = validation(watched, vectors, encoder.sample_rate_hz, seconds=window_s)
    settings = TrainerConfig(
        epochs=recipe.epochs,
        lr=recipe.lr,
        warmup_epochs=0.1,
        clip_norm=1.0,
        layer_decay=FINE_TUNED_DECAY if start.checkpoint else 1.0,
        average_decay=decay_over(recipe.epochs * batches.steps),
        seed=seed,
        device=device,
    )
    weights = align(
        encoder,
        batches,
        ContrastiveObjective(recipe.contrast, batches.bank),
        out / ENCODER_FOLDER,
        settings,
        run=run_id(source.train, anchor.fingerprint, start.identity, str(recipe), source.shards_hash),
        evaluate=watch,
        progress=progress,
    )
    if isinstance(batches, StreamedData) and batches.unreadable:
        progress.on_stage(f"{len(batches.unreadable)} clips could not be decoded and were heard as silence")
    if own_share().index:
        return None
    return finish(
        out,
        config=ModelConfig(
            name=recipe.name,
            anchor=reference,
            audio_encoder=encoder.config,
            window_s=window_s,
            hop_s=window_s / 2,
        ),
        anchor={},
        audio=weights,
        texts=CardTexts(
            title=f"{recipe.name}: {start.preset.name} towards the anchor {anchor.name}",
            about=f"{start}, trained towards the anchor below.\n"
            f"{encoder.sample_rate_hz / 1000:g} kHz mono, windows of {window_s:g} s.\n{start.licence_note}\n"
            f"Recipe: {recipe}",
            anchor=f"{anchor.name} ({anchor.licence}), {anchor.dim} dimensions. Its weights are not in this directory.",
        ),
        train=card_data,
        val=source.val,
        settings=settings,
        command=command,
        progress=progress,
    )
