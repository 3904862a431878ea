"""Teach the compact anchor's text tower that languages mean the same, before any audio is seen.

Three parts read a text: multilingual-e5-small knows about 100 languages but keeps each in its own corner;
USE-multilingual aligns its sixteen well and is noise outside them; a lexicon remembers dictionaries. The teacher is
what the two encoders say of the English text; the lexicon learns it from every pair, and a head over all three learns
it from a selection, whose encoder vectors are computed once. The concepts are what the taught tower says of the
English words that are used most of sounds.

How far to trust the lexicon can only be learned on words that it was not taught: the head is trained beside a lexicon
that has not seen part of the selection, and gets the one that has seen everything afterwards. Both speak in the
teacher's space, so they can be exchanged.
"""

import math
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from model.compact_text import E5_WIDTH, TextHead, TextTower, encoder_features
from model.lexicon import Lexicon
from training.audible import audible_texts, concepts_of
from training.distillation import distillation_loss
from training.errors import ManifestError
from training.image_classes import class_vectors
from training.json_lines import read_json_lines
from training.lexicon import LexiconRecipe, teach_lexicon
from training.parallel_text import TextPair
from training.sampling import SOURCE_WEIGHTS, PairSampler

E5_SHARE = (
    0.6  # of the target's squared length; the rest is USE. Paraphrase retrieval peaked between .5 and .7
)
LEXICON_START = 0.4  # weight of the lexicon before the head has learned anything
UNSEEN_TENTHS = 4  # of the selection, kept from the lexicon that the head is trained beside


@dataclass(frozen=True, kw_only=True)
class TextRecipe:
    """Choices of the text tower; all are this project's own."""

    dim: int = 384
    english_texts: int = 90_000  # the most used of the pairs' English texts
    captions: int = 10_000
    selected: float = 15.0  # of a language with n pairs, this times the root of n are selected for the head
    longest_english_words: int = 8
    longest_selected_characters: int = 60
    steps: int = 700
    batch_size: int = 768
    english_share: float = 0.25  # of a batch: English must stay where the encoders put it
    lr: float = 1e-3
    weight_decay: float = 0.05
    cosine_weight: float = 4.0
    kept: float = (
        0.5  # of what the head learns; the rest is the start, which generalises (WiSE-FT, arXiv 2109.01903)
    )
    lexicon: LexiconRecipe = field(default_factory=LexiconRecipe)
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """Where training reports to: what is being done, and steps with their loss."""

    on_stage: Callable[[str], None]
    on_step: Callable[[int, float], None]


@dataclass(frozen=True)
class English:
    """English texts, their encoder features (N, FEATURES), and where they belong, (N, D), by a linear map.

    ``audible`` are those of the texts that are made of words people use of sounds.
    """

    texts: list[str]
    features: Tensor
    targets: Tensor
    linear: Tensor
    audible: list[str]


def read_pairs(path: Path) -> list[TextPair]:
    """Read parallel text as ``sonoglot parallel-text`` writes it. Raises ManifestError that names the line."""
    try:
        return [TextPair(**fields) for _, fields in read_json_lines(path)]
    except TypeError as error:
        raise ManifestError(f"{path}: a pair has english, text, lang and source ({error})") from error


def write_anchor(
    pairs: Sequence[TextPair],
    captions: Sequence[str],
    out: Path,
    *,
    recipe: TextRecipe,
    report: Report,
) -> None:
    """Train the text tower and write the whole anchor (tower and image classes) as safetensors, float16."""
    tower = teach(pairs, captions, recipe=recipe, report=report)
    tensors = {f"text.{key}": tensor for key, tensor in tower.state_dict().items()}
    tensors["image.class_vectors"] = class_vectors(tower)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: (t.half() if t.is_floating_point() else t).contiguous() for key, t in tensors.items()}, out
    )


def teach(
    pairs: Sequence[TextPair], captions: Sequence[str], *, recipe: TextRecipe, report: Report
) -> TextTower:
    """Train lexicon and head on parallel text; ``captions`` are English sentences about sounds."""
    report.on_stage("embedding English texts")
    english = read_english(pairs, captions, recipe)
    known = set(english.texts)
    usable = [pair for pair in pairs if pair.english in known and pair.english != pair.text]
    selected = select(usable, recipe)
    report.on_stage(f"embedding {len({pair.text for pair in selected})} foreign texts")
    features = encoder_features(foreign := sorted({pair.text for pair in selected}))
    unseen = {(pair.lang, pair.text) for pair in selected if _is_unseen(pair)}
    seen = [pair for pair in usable if (pair.lang, pair.text) not in unseen]
    report.on_stage(f"teaching a lexicon {len(seen)} pairs, without {len(unseen)} texts")
    concepts = concepts_of(english.audible)
    tower = TextTower(recipe.dim, concepts=len(concepts))
    tower.lexicon = _lexicon_of(seen, english, recipe, report)
    report.on_stage(f"teaching the head {len(selected)} pairs")
    tower.head = teach_head(
        tower, english, foreign, features, selected, recipe=recipe, on_step=report.on_step
    )
    report.on_stage(f"teaching the lexicon all {len(usable)} pairs")
    tower.lexicon = _lexicon_of(usable, english, recipe, report)
    tower.requires_grad_(False).eval()
    tower.concepts.entries.copy_(concept_entries(tower, english, concepts))
    return tower


def _lexicon_of(pairs: Sequence[TextPair], english: English, recipe: TextRecipe, report: Report) -> Lexicon:
    return teach_lexicon(
        pairs,
        english.texts,
        english.targets,
        audible=set(english.audible),
        recipe=recipe.lexicon,
        on_step=report.on_step,
    )


def concept_entries(tower: TextTower, english: English, concepts: Sequence[str]) -> Tensor:
    """Return where the head puts the concepts, (C, D): English as it is said, not as the teacher would have it."""
    row_of = {text: row for row, text in enumerate(english.texts)}
    features = english.features[[row_of[text] for text in concepts]]
    return tower.head(torch.cat([features, tower.lexical(concepts)], dim=1))


def read_english(pairs: Sequence[TextPair], captions: Sequence[str], recipe: TextRecipe) -> English:
    """Embed the most used English texts and some captions, and say where each belongs."""
    used = Counter(pair.english for pair in pairs)
    short = [t for t, _ in used.most_common() if len(t.split()) <= recipe.longest_english_words]
    short = short[: recipe.english_texts]
    drawn = random.Random(recipe.seed).sample(sorted(set(captions)), min(recipe.captions, len(set(captions))))
    texts = list(dict.fromkeys([*short, *drawn]))
    features = encoder_features(texts)
    mean, linear = (torch.from_numpy(a) for a in principal_map(features.numpy(), recipe.dim))
    targets = F.normalize((features - mean) @ linear.T, dim=-1)
    return English(texts, features, targets, linear, audible_texts(short, drawn))


def select(pairs: Sequence[TextPair], recipe: TextRecipe) -> list[TextPair]:
    """Select pairs for the head: languages by the root of their size, sources within a language by weight."""
    rng = random.Random(recipe.seed)
    grouped: dict[str, dict[str, list[TextPair]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        if len(pair.text) <= recipe.longest_selected_characters:
            grouped[pair.lang][pair.source].append(pair)
    selected = []
    for lang in sorted(grouped):
        sources = grouped[lang]
        wanted = recipe.selected * math.sqrt(sum(map(len, sources.values())))
        total = sum(SOURCE_WEIGHTS.get(source, 1.0) for source in sources)
        for source, of_source in sources.items():
            count = math.ceil(wanted * SOURCE_WEIGHTS.get(source, 1.0) / total)
            selected += rng.sample(of_source, min(count, len(of_source)))
    return selected


def teach_head(
    tower: TextTower,
    english: English,
    foreign: Sequence[str],
    foreign_features: Tensor,
    selected: Sequence[TextPair],
    *,
    recipe: TextRecipe,
    on_step: Callable[[int, float], None],
) -> TextHead:
    """Train a head on the selected pairs, with the tower's lexicon as it is."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    english_parts = torch.cat([english.features, tower.lexical(english.texts)], dim=1)
    foreign_parts = torch.cat([foreign_features, tower.lexical(foreign)], dim=1)
    goal_of = {text: row for row, text in enumerate(english.texts)}
    row_of = {text: row for row, text in enumerate(foreign)}
    rows = np.array([row_of[pair.text] for pair in selected])
    goals = np.array([goal_of[pair.english] for pair in selected])
    head = TextHead(recipe.dim)
    start_as_teacher(head, english_parts.mean(0), english.linear)
    start = [layer.weight.detach().clone() for layer in linear_maps(head)]
    optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.lr, total_steps=recipe.steps, pct_start=0.1
    )
    sampler = PairSampler(selected)
    own = round(recipe.batch_size * recipe.english_share)
    for step in range(recipe.steps):
        picked = sampler.draw(rng, recipe.batch_size - own)
        kept = rng.integers(len(english.texts), size=own)
        vectors = head(torch.cat([foreign_parts[rows[picked]], english_parts[kept]]))
        targets = english.targets[np.concatenate([goals[picked], kept])]
        loss = distillation_loss(vectors, targets, cosine_weight=recipe.cosine_weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        on_step(step, loss.item())
    soften(head, start, kept=recipe.kept)
    return head.requires_grad_(False).eval()


def soften(head: TextHead, start: Sequence[Tensor], *, kept: float) -> None:
    """Go back part of the way to the start: keep the share ``kept`` of what was learned."""
    with torch.no_grad():
        for layer, began in zip(linear_maps(head), start, strict=True):
            layer.weight.copy_(torch.lerp(began, layer.weight, kept))
        for part in (head.gates[-1], head.correction[-1]):
            for parameter in part.parameters():
                parameter.mul_(kept)


def linear_maps(head: TextHead) -> list[nn.Linear]:
    """Return the head's linear parts."""
    return [head.from_e5, head.from_use, head.from_lexicon]


def start_as_teacher(head: TextHead, mean: Tensor, linear: Tensor) -> None:
    """Begin with the teacher's linear map of e5 and USE, a little lexicon, and no correction."""
    with torch.no_grad():
        head.mean.copy_(mean)
        head.from_e5.weight.copy_(linear[:, :E5_WIDTH])
        head.from_use.weight.copy_(linear[:, E5_WIDTH:])
        head.from_lexicon.weight.copy_(LEXICON_START * torch.eye(len(linear)))
        for part in (head.gates[-1], head.correction[-1]):
            for parameter in part.parameters():
                parameter.zero_()


def principal_map(features: NDArray[np.float32], dim: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (mean, map (dim, 896)) to the targets: encoders centred and weighted, on principal components."""
    mean = features.mean(0)
    scale = np.ones(features.shape[1], np.float32)
    for part, share in ((slice(0, E5_WIDTH), E5_SHARE), (slice(E5_WIDTH, None), 1 - E5_SHARE)):
        scale[part] = math.sqrt(share) / np.linalg.norm((features - mean)[:, part], axis=1).mean()
    centred = (features - mean) * scale
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return mean, (vectors[:, ::-1][:, :dim].T * scale).astype(np.float32)


def _is_unseen(pair: TextPair) -> bool:
    return zlib.crc32((pair.lang + pair.text).encode()) % 10 < UNSEEN_TENTHS
