"""Teach the compact anchor's lexicon on parallel text: a foreign text belongs where its English translation is.

Every pair is used, over a million: the lexicon only sums table rows, so minutes are enough. The targets are the
frozen encoders' vectors of the English texts, the contrast that of ``training.distillation``. Rows are dropped at
random, so that pieces alone and words alone mean something too.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.compact_text import encoders
from model.lexical_rows import ROWS, lexical_rows
from model.lexicon import WIDTH, Lexicon
from training.distillation import distillation_loss
from training.parallel_text import TextPair
from training.sampling import PairSampler


@dataclass(frozen=True, kw_only=True)
class LexiconRecipe:
    """Choices of the lexicon; all are this project's own."""

    steps: int = 3_000
    batch_size: int = 1_024
    english_share: float = 0.16  # English texts that stand for themselves
    row_dropout: float = 0.15
    table_lr: float = 4e-3
    projection_lr: float = 1e-3
    cosine_weight: float = 2.0
    seed: int = 0


def teach_lexicon(
    pairs: Sequence[TextPair],
    english: Sequence[str],
    targets: Tensor,
    *,
    audible: Set[str],
    recipe: LexiconRecipe,
    on_step: Callable[[int, float], None],
) -> Lexicon:
    """Return a lexicon taught on ``pairs``, whose English texts are all in ``english``, with ``targets`` (N, D).

    Pairs whose English text is in ``audible`` are taught more often.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    row_of = {text: row for row, text in enumerate(english)}
    tokenizer = encoders()[0].tokenizer
    foreign_rows = _as_arrays(lexical_rows(tokenizer, [pair.text for pair in pairs]))
    english_rows = _as_arrays(lexical_rows(tokenizer, english))
    goals = np.array([row_of[pair.english] for pair in pairs])
    sampler = PairSampler(pairs, audible=audible)
    table = nn.EmbeddingBag(ROWS, WIDTH, mode="sum")
    nn.init.normal_(table.weight, 0, 0.005)  # near zero: what is never seen says nothing
    lexicon = Lexicon(targets.shape[1])
    optimiser = torch.optim.AdamW(
        [
            {"params": table.parameters(), "lr": recipe.table_lr},
            {"params": lexicon.projection.parameters(), "lr": recipe.projection_lr},
        ],
        weight_decay=1e-3,
        betas=(0.9, 0.98),
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [recipe.table_lr, recipe.projection_lr], total_steps=recipe.steps, pct_start=0.05
    )
    own = round(recipe.batch_size * recipe.english_share)
    for step in range(recipe.steps):
        picked = sampler.draw(rng, recipe.batch_size - own)
        kept = rng.integers(len(english), size=own)
        rows = [foreign_rows[i] for i in picked] + [english_rows[i] for i in kept]
        rows = [_drop(of_text, recipe.row_dropout, rng) for of_text in rows]
        counts = np.array([len(of_text) for of_text in rows])
        offsets = np.concatenate([[0], counts.cumsum()[:-1]])
        sums = table(torch.from_numpy(np.concatenate(rows)), torch.from_numpy(offsets))
        student = F.normalize(lexicon.project(sums, torch.from_numpy(counts)), dim=-1)
        loss = distillation_loss(
            student, targets[np.concatenate([goals[picked], kept])], cosine_weight=recipe.cosine_weight
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        on_step(step, loss.item())
    lexicon.table.copy_(table.weight.detach())
    lexicon.requires_grad_(False).eval()
    lengths = lexicon([of_text.tolist() for of_text in english_rows]).norm(dim=1)
    lexicon.projection.weight /= lengths.mean()  # known words are as long as the encoders' vectors
    return lexicon


def _as_arrays(rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
    return [np.array(of_text) for of_text in rows]


def _drop(rows: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Leave out features at random; both rows of a feature go together."""
    kept = np.repeat(rng.random(len(rows) // 2) > share, 2)
    return rows[kept] if kept.any() else rows
