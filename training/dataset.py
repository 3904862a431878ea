"""Batches for alignment: clips and mixtures of clips, each with its caption and its right answers.

Everything random is drawn from one generator seeded by (seed, epoch), so an epoch is the same whether or not the
run was stopped before it. A clip is drawn by how much of it there is to hear, so that a library of short effects does
not drown one of long recordings.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.audio_data import mixture, random_cut, random_gain, seconds_to_hear
from training.captions import MIXTURE_JOINTS, PERSON_TEMPLATES, ClipText
from training.errors import DataError
from training.text_vectors import TextVectors

ONE_DRAW_S = 5.0  # so much of a clip is worth one draw an epoch


@dataclass(frozen=True, kw_only=True)
class Batch:
    """``waveforms`` (N, samples), ``captions`` (N, D) as drawn, ``targets`` (N, M) over the bank's texts."""

    waveforms: Tensor
    captions: Tensor
    targets: Tensor


@dataclass(frozen=True, kw_only=True)
class DrawChoices:
    """How batches are drawn."""

    batch_size: int
    mixture_share: float
    machine_share: float
    lengths_s: tuple[float, ...]  # few, since kernels are prepared anew for every new length
    templates: tuple[str, ...] = PERSON_TEMPLATES  # of people's captions


@dataclass(frozen=True)
class MixedPair:
    """Two clips and the joined caption of their mixture."""

    first: int
    second: int
    caption: str


class AlignmentData:
    """Waveforms, their texts, and the bank of all texts that are right for some clip."""

    def __init__(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        texts: Sequence[ClipText],
        vectors: TextVectors,
        *,
        sample_rate_hz: int,
        choices: DrawChoices,
        mixtures: int,
        seed: int,
    ) -> None:
        kept = [
            row
            for row, wave in enumerate(waveforms)
            if len(wave) and (texts[row].captions or texts[row].tags)
        ]
        if not kept:
            raise DataError(
                "none of the clips can be learned from: each needs sound, and a caption or tags (a label is neither; "
                "`sonoglot manifest --caption-column` and `--wordings` give captions, `sonoglot tags` tags)"
            )
        self.waveforms = [waveforms[row] for row in kept]
        self.texts = [texts[row] for row in kept]
        self.sample_rate_hz, self.choices, self.seed = sample_rate_hz, choices, seed
        self._vectors = vectors
        self._bounds = np.array(seconds_to_hear(self.waveforms, sample_rate_hz)) / ONE_DRAW_S
        self.pairs = self._draw_pairs(mixtures)
        bank = sorted({t for text in self.texts for t in (*text.captions, *text.tags)})
        self._bank_row = {text: row for row, text in enumerate(bank)}
        vectors.add([*bank, *(pair.caption for pair in self.pairs), *self._templated()])
        self.bank = torch.from_numpy(vectors.rows(bank))

    def __len__(self) -> int:
        # a batch, however little there is to hear
        return max(self.choices.batch_size, round(self._bounds[-1]))

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch; the same for the same seed and epoch."""
        rng = random.Random(f"{self.seed}/{epoch}")
        rows = self._epoch_rows(rng)
        rng.shuffle(rows)
        size = self.choices.batch_size
        for start in range(0, len(rows) - size // 2, size):
            seconds = rng.choice(self.choices.lengths_s)
            samples = round(seconds * self.sample_rate_hz)
            items = [self._item(row, samples, rng) for row in rows[start : start + size]]
            waves, captions, targets = zip(*items, strict=True)
            yield Batch(
                waveforms=torch.from_numpy(np.stack(waves)),
                targets=torch.stack(targets),
                captions=torch.from_numpy(self._vectors.rows(captions)),
            )

    def _item(self, row: int, samples: int, rng: random.Random) -> tuple[NDArray[np.float32], str, Tensor]:
        if self.pairs and rng.random() < self.choices.mixture_share:
            pair = rng.choice(self.pairs)
            first, second = (random_cut(self.waveforms[r], samples, rng) for r in (pair.first, pair.second))
            target = 0.5 * (self._target(self.texts[pair.first]) + self._target(self.texts[pair.second]))
            return mixture(first, second, rng), pair.caption, target
        caption = self._draw_caption(row, rng)
        wave = random_gain(random_cut(self.waveforms[row], samples, rng), rng)
        return wave, caption, self._target(self.texts[row])

    def _draw_caption(self, row: int, rng: random.Random) -> str:
        choices = self.choices
        return self.texts[row].draw(rng, machine_share=choices.machine_share, templates=choices.templates)

    def _target(self, text: ClipText) -> Tensor:
        """Return the share of each text of the bank: people's captions evenly, tags by their scores."""
        target = torch.zeros(len(self._bank_row))
        person = (1 - self.choices.machine_share if text.tags else 1.0) if text.captions else 0.0
        for caption in text.captions:
            target[self._bank_row[caption]] += person / len(text.captions)
        for tag, weight in zip(text.tags, text.tag_weights, strict=True):
            target[self._bank_row[tag]] += (1 - person) * weight
        return target

    def _draw_pairs(self, count: int) -> list[MixedPair]:
        """Draw the mixtures once, so that their joined captions can be embedded once."""
        rng = random.Random(f"{self.seed}/mixtures")
        clips, bounds = range(len(self.texts)), self._bounds.tolist()
        pairs = []
        for _ in range(count):
            first, second = rng.choices(clips, cum_weights=bounds, k=2)
            names = (self._draw_caption(row, rng) for row in (first, second))
            pairs.append(MixedPair(first, second, rng.choice(MIXTURE_JOINTS).format(*names)))
        return pairs

    def _templated(self) -> list[str]:
        """Return every caption that ``ClipText.draw`` can return."""
        return sorted(
            {caption for text in self.texts for caption in text.all_captions(self.choices.templates)}
        )

    def _epoch_rows(self, rng: random.Random) -> list[int]:
        """Draw the clips of an epoch by systematic sampling: a clip worth one draw is in every epoch."""
        draws = (rng.random() + np.arange(len(self))) / len(self) * self._bounds[-1]
        return np.searchsorted(self._bounds, draws, side="right").tolist()
