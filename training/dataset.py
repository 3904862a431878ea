"""Batches for alignment: clips and mixtures of clips, each with its caption and its right answers.

Everything random is drawn from one generator seeded by (seed, epoch), so an epoch is the same whether or not the
run was stopped before it. A clip is drawn by how much of it there is to hear, so that a library of short effects does
not drown one of long recordings.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.audio_data import mixture, random_cut, random_gain, seconds_to_hear
from training.batch import WHOLE, Batch, Share
from training.captions import MIXTURE_JOINTS, PERSON_TEMPLATES, ClipText
from training.errors import DataError

ONE_DRAW_S = 5.0  # so much of a clip is worth one draw an epoch


@dataclass(frozen=True, kw_only=True)
class DrawChoices:
    """How batches are drawn."""

    batch_size: int
    mixture_share: float
    machine_share: float
    lengths_s: tuple[float, ...]  # few, since kernels are prepared anew for every new length
    templates: tuple[str, ...] = PERSON_TEMPLATES  # of people's captions
    captions_per_clip: int = 1
    graded: bool = True  # whether batches say what share each text of the bank has in what is right


def plain_draws(*, batch_size: int, seconds: float, captions_per_clip: int = 1) -> DrawChoices:
    """Draw clips with their captions as they are: no mixtures, no tags, no templates, nothing graded."""
    return DrawChoices(
        batch_size=batch_size,
        mixture_share=0.0,
        machine_share=0.0,
        lengths_s=(seconds,),
        templates=("{}",),
        captions_per_clip=captions_per_clip,
        graded=False,
    )


class Vectors(Protocol):
    """Unit vectors by key: of texts (``TextVectors``), or of whatever else clips are aligned to."""

    def add(self, texts: Sequence[str]) -> None:
        """Make the vectors of these keys known."""
        ...

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of known keys, (len(texts), D)."""
        ...


@dataclass(frozen=True)
class MixedPair:
    """Two clips and the joined caption of their mixture."""

    first: int
    second: int
    caption: str


@dataclass(frozen=True)
class Item:
    """One place in a batch: what is heard, what it is called, and the rows of the clips that are in it."""

    waveform: NDArray[np.float32]
    captions: list[str]
    clips: tuple[int, ...]


class AlignmentData:
    """Waveforms, their texts, and the bank of all texts that are right for some clip."""

    def __init__(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        texts: Sequence[ClipText],
        vectors: Vectors,
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
        self.clips, self.batch_size = len(kept), choices.batch_size
        # a batch, however little there is to hear
        self.draws = max(self.batch_size, round(self._bounds[-1]))
        self.steps = len(self._starts())
        self.pairs = self._draw_pairs(mixtures)
        bank = sorted({t for text in self.texts for t in (*text.captions, *text.tags)})
        self._bank_row = {text: row for row, text in enumerate(bank)}
        vectors.add([*bank, *(pair.caption for pair in self.pairs), *self._templated()])
        self.bank = torch.from_numpy(vectors.rows(bank))

    def batches(self, epoch: int, share: Share = WHOLE, *, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number ``first`` on; the same for the same seed and epoch."""
        rng = random.Random(f"{self.seed}/{epoch}")
        rows = self._epoch_rows(rng)
        rng.shuffle(rows)
        size = self.batch_size
        for number, start in enumerate(self._starts()):
            seconds = rng.choice(self.choices.lengths_s)
            samples = round(seconds * self.sample_rate_hz)
            items = [self._item(row, samples, rng) for row in rows[start : start + size]]
            if number < first:
                continue  # drawn all the same, so that the next is what it would have been
            own = items[share.of(len(items))]
            vectors = self._vectors.rows([caption for item in items for caption in item.captions])
            yield Batch(
                waveforms=torch.from_numpy(np.stack([item.waveform for item in own])),
                captions=torch.from_numpy(vectors).unflatten(0, (len(items), -1)),
                targets=torch.stack([self._target(i.clips) for i in items]) if self.choices.graded else None,
            )

    def _starts(self) -> range:
        """Return where each batch of an epoch begins; a last one that would be half empty is left out."""
        return range(0, self.draws - self.batch_size // 2, self.batch_size)

    def _item(self, row: int, samples: int, rng: random.Random) -> Item:
        count = self.choices.captions_per_clip
        if self.pairs and rng.random() < self.choices.mixture_share:
            pair = rng.choice(self.pairs)
            first, second = (random_cut(self.waveforms[r], samples, rng) for r in (pair.first, pair.second))
            return Item(mixture(first, second, rng), [pair.caption] * count, (pair.first, pair.second))
        captions = self._draw_captions(row, rng)
        wave = random_gain(random_cut(self.waveforms[row], samples, rng), rng)
        return Item(wave, captions, (row,))

    def _draw_captions(self, row: int, rng: random.Random) -> list[str]:
        """Draw one caption, and others of the clip's beside it; a clip that has too few repeats the first."""
        first = self._draw_caption(row, rng)
        others = [caption for caption in self.texts[row].captions if caption != first]
        wanted = self.choices.captions_per_clip - 1
        beside = rng.sample(others, min(wanted, len(others))) if wanted else []
        return [first, *beside, *[first] * (wanted - len(beside))]

    def _draw_caption(self, row: int, rng: random.Random) -> str:
        choices = self.choices
        return self.texts[row].draw(rng, machine_share=choices.machine_share, templates=choices.templates)

    def _target(self, clips: Sequence[int]) -> Tensor:
        """Return the share of each text of the bank: people's captions evenly, tags by their scores."""
        target = torch.zeros(len(self._bank_row))
        for row in clips:
            target += self._target_of_clip(self.texts[row]) / len(clips)
        return target

    def _target_of_clip(self, text: ClipText) -> Tensor:
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
        draws = (rng.random() + np.arange(self.draws)) / self.draws * self._bounds[-1]
        return np.searchsorted(self._bounds, draws, side="right").tolist()
