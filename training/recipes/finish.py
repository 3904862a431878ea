"""How every recipe ends: the model directory is written, measured, and gets a card that says what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from model.config import ModelConfig
from model.directory import load_model
from model.torch_directory import fingerprint_of, save_model, write_card
from training.card import CardData, model_card
from training.evaluation import evaluate
from training.manifest import ManifestEntry
from training.progress import Progress
from training.trainer import TrainerConfig


@dataclass(frozen=True, kw_only=True)
class CardTexts:
    """What the card says beside figures and data."""

    title: str
    about: str
    anchor: str


def finish(
    out: Path,
    *,
    config: ModelConfig,
    anchor: Mapping[str, Tensor],
    audio: Mapping[str, Tensor],
    texts: CardTexts,
    train: CardData,
    val: Sequence[ManifestEntry],
    settings: TrainerConfig,
    command: str,
    progress: Progress,
) -> dict:
    """Write the model directory, then measure what was written and put the figures on its card; return them."""
    save_model(out, config=config, anchor=anchor, audio=audio, card="")
    figures = {}
    if val:
        progress.on_stage("measuring the written model on the validation clips")
        figures = evaluate(load_model(out, device=settings.device), val, [], on_progress=lambda _: None)
    card = model_card(
        title=texts.title,
        about=texts.about,
        anchor=texts.anchor,
        train=train,
        val=val,
        figures=figures,
        command=command,
        config=asdict(settings),
        fingerprint=fingerprint_of(out),
    )
    write_card(out, card)
    return figures
