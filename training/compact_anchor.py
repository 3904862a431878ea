"""Teach the compact anchor's text head that languages mean the same, before any audio is seen.

Two frozen encoders read a text: multilingual-e5-small knows about 100 languages but keeps each in its own corner;
USE-multilingual aligns its sixteen well and is noise outside them. A head over both is taught by multilingual
distillation (Reimers and Gurevych 2020, arXiv 2004.09813): the target of a text in any language is the vector of its
English translation. Since e5's vector tells the language, the head learns where USE can be trusted. Contrast within
the batch (InfoNCE) keeps different meanings apart. The encoders' vectors are computed once, so this takes minutes.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from model.compact_text import TextHead, text_features
from training.errors import ManifestError
from training.image_classes import class_vectors
from training.manifest import read_json_lines
from training.parallel_text import TextPair

E5_SHARE = (
    0.6  # of the target's squared length; the rest is USE. Paraphrase retrieval peaked between .5 and .7
)
SOURCE_WEIGHTS = {"freedict": 0.42, "cldr": 0.29, "tuxpaint": 0.17, "cedict": 0.05, "audiocaps": 0.07}
LANGUAGE_POWER = 0.5  # within a source, languages are drawn by size to this power


@dataclass(frozen=True, kw_only=True)
class HeadRecipe:
    """Choices of the text head; all are this project's own."""

    dim: int = 384
    pairs: int = 46_000
    captions: int = 10_000
    english_share: float = 0.3  # of a batch: English must stay where the encoders put it
    batch_size: int = 768
    steps: int = 1_000
    lr: float = 1e-3
    weight_decay: float = 0.05
    temperature: float = 0.05
    kept: float = (
        0.5  # of what was learned; the rest is the start, which generalises (WiSE-FT, arXiv 2109.01903)
    )
    same_meaning_cosine: float = 0.8  # targets closer than this are not negatives of each other
    seed: int = 0


def read_pairs(path: Path) -> list[TextPair]:
    """Read parallel text as ``sonoglot parallel-text`` writes it. Raises ManifestError that names the line."""
    try:
        return [TextPair(**fields) for _, fields in read_json_lines(path)]
    except TypeError as error:
        raise ManifestError(f"{path}: a pair has english, text, lang and source ({error})") from error


def write_anchor(
    pairs: Sequence[TextPair],
    english_captions: Sequence[str],
    out: Path,
    *,
    recipe: HeadRecipe,
    on_step: Callable[[int, float], None],
) -> None:
    """Train the head and write the whole anchor (head and image classes) as safetensors, float16."""
    rng = random.Random(recipe.seed)
    captions = rng.sample(list(english_captions), min(recipe.captions, len(english_captions)))
    head = teach(pairs, captions, recipe=recipe, on_step=on_step)
    tensors = {f"text.{key}": tensor for key, tensor in head.state_dict().items()}
    tensors["image.class_vectors"] = class_vectors(head)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: tensor.half().contiguous() for key, tensor in tensors.items()}, out)


def teach(
    pairs: Sequence[TextPair],
    english_captions: Sequence[str],
    *,
    recipe: HeadRecipe,
    on_step: Callable[[int, float], None],
) -> TextHead:
    """Train the head on parallel text."""
    drawn = draw_pairs(pairs, recipe)
    texts = sorted({text for pair in drawn for text in pair} | set(english_captions))
    return fit(texts, text_features(texts), drawn, english_captions, recipe=recipe, on_step=on_step)


def fit(
    texts: Sequence[str],
    features: NDArray[np.float32],
    drawn: Sequence[tuple[str, str]],
    english_captions: Sequence[str],
    *,
    recipe: HeadRecipe,
    on_step: Callable[[int, float], None],
) -> TextHead:
    """Train the head on features of ``texts``, (N, 896), and (English, other) pairs among them."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    row_of = {text: row for row, text in enumerate(texts)}
    english = np.array(
        sorted({row_of[text] for text, _ in drawn} | {row_of[text] for text in english_captions})
    )
    mean, linear = principal_map(features[english], recipe.dim)
    head = TextHead(features.shape[1], recipe.dim)
    head.start(torch.from_numpy(mean), torch.from_numpy(linear))
    inputs = torch.from_numpy(features)
    with torch.no_grad():
        targets = F.normalize(head.linear(inputs), dim=-1)  # meaningful for the English rows, used only there
    from_row = np.array([row_of[text] for _, text in drawn])
    to_row = np.array([row_of[text] for text, _ in drawn])
    optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.lr, total_steps=recipe.steps, pct_start=0.1
    )
    own = round(recipe.batch_size * recipe.english_share)
    for step in range(recipe.steps):
        picked = rng.integers(len(drawn), size=recipe.batch_size - own)
        kept = rng.choice(english, own)
        rows, goals = np.concatenate([from_row[picked], kept]), np.concatenate([to_row[picked], kept])
        loss = distillation_loss(head.train()(inputs[rows]), targets[goals], recipe)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        on_step(step, loss.item())
    head.soften(torch.from_numpy(linear), recipe.kept)
    return head.eval()


def distillation_loss(student_nd: Tensor, target_nd: Tensor, recipe: HeadRecipe) -> Tensor:
    """InfoNCE against the batch's targets, with equal meanings merged, plus the cosine distance to the own target."""
    logits = student_nd @ target_nd.T / recipe.temperature
    same = target_nd @ target_nd.T > recipe.same_meaning_cosine
    off_diagonal = same & ~torch.eye(len(same), dtype=torch.bool)
    contrast = F.cross_entropy(logits.masked_fill(off_diagonal, float("-inf")), torch.arange(len(logits)))
    return contrast + 4.0 * (1 - (student_nd * target_nd).sum(-1)).mean()


def draw_pairs(pairs: Sequence[TextPair], recipe: HeadRecipe) -> list[tuple[str, str]]:
    """Draw distinct (English, other) pairs: source by weight, language by damped size, pair at random."""
    rng = random.Random(recipe.seed)
    grouped: dict[str, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        if pair.english != pair.text:
            grouped[pair.source][pair.lang].append((pair.english, pair.text))
    sources = [source for source in SOURCE_WEIGHTS if source in grouped]
    weights = [SOURCE_WEIGHTS[source] for source in sources]
    languages = {source: list(grouped[source]) for source in sources}
    sizes = {s: [len(grouped[s][lang]) ** LANGUAGE_POWER for lang in languages[s]] for s in sources}
    available = sum(len(set(items)) for source in sources for items in grouped[source].values())
    drawn: set[tuple[str, str]] = set()
    while len(drawn) < min(recipe.pairs, available // 2):
        source = rng.choices(sources, weights)[0]
        lang = rng.choices(languages[source], sizes[source])[0]
        drawn.add(rng.choice(grouped[source][lang]))
    return sorted(drawn)


def principal_map(features: NDArray[np.float32], dim: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (mean, map (dim, 896)) to the targets: encoders centred and weighted, on principal components."""
    mean = features.mean(0)
    width = features.shape[1] - 512  # e5 comes first, USE's 512 after it
    scale = np.ones(features.shape[1], np.float32)
    for part, share in ((slice(0, width), E5_SHARE), (slice(width, None), 1 - E5_SHARE)):
        scale[part] = math.sqrt(share) / np.linalg.norm((features - mean)[:, part], axis=1).mean()
    centred = (features - mean) * scale
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return mean, (vectors[:, ::-1][:, :dim].T * scale).astype(np.float32)
