"""Batches from shards: training on more clips than fit into memory.

The order of an epoch is decided from the index before any audio is touched: shards in random order, and the clips of a
few shards at a time mixed, so that reading stays local. A clip is then read from its place in its shard, which is why
WebDataset is used for the format alone and not for its pipeline: there, what is drawn depends on how many workers and
processes read, and an epoch cannot be entered in the middle. Here every batch follows from seed, epoch and number.

A clip that cannot be decoded is silence under its captions, and is counted. It is neither left out nor replaced:
only the process that decodes it knows, while all have to agree on the captions of the batch; and silence is the one
sound that no other clip is taken for, where another clip's sound under these captions would be a wrong lesson.
"""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.batch import WHOLE, Batch, Share
from training.errors import DataError
from training.hearing import Heard, decoding_pool, hear
from training.shard_index import ShardedClip
from training.text_vectors import TextVectors

BANK_TEXTS = 65_536
SHARDS_MIXED = 16
BATCHES_AHEAD = 4  # that are decoded while one is learned from: enough to even out clips that take long
CLIPS_AT_ONCE = 4  # that a worker decodes: few, so that a small batch occupies all workers
MOST_UNREADABLE = (
    0.5  # of the clips that were tried: if more cannot be decoded, it is not the clips that are broken
)
LEAST_TRIED = 100  # before that is said


@dataclass(frozen=True, kw_only=True)
class StreamChoices:
    """How batches are drawn: ``seconds`` and ``captions_per_clip`` of each clip, decoded by ``workers`` processes."""

    sample_rate_hz: int
    batch_size: int
    seconds: float
    captions_per_clip: int
    seed: int
    workers: int


def stream(
    directory: Path, clips: Sequence[ShardedClip], anchor_vectors: TextVectors, choices: StreamChoices
) -> "StreamedData":
    """Stream the clips that the index of ``directory`` names, and embed those of their captions that are new."""
    captions = sorted({caption for clip in clips for caption in clip.captions})
    anchor_vectors.add(captions)
    sample = random.Random(f"{choices.seed}/bank").sample(captions, min(BANK_TEXTS, len(captions)))
    return StreamedData(directory, clips, anchor_vectors, choices, bank=sample)


@dataclass(frozen=True, kw_only=True)
class _Started:
    """A batch that is being decoded."""

    captions: list[str]  # of all its clips, one clip's after another's
    heard: list[Future[Heard]]  # of the share, in order


class StreamedData:
    """Clips in shards, as batches.

    ``batch_size`` clips a batch over all processes, ``steps`` batches an epoch, ``clips`` in all, ``bank`` (M, D) the
    vectors of a sample of all captions, ``unreadable`` the reason for each clip of which this process heard silence.
    """

    def __init__(
        self,
        directory: Path,
        clips: Sequence[ShardedClip],
        vectors: TextVectors,
        choices: StreamChoices,
        *,
        bank: Sequence[str],
    ) -> None:
        self.batch_size = choices.batch_size
        self.clips = len(clips)
        # What is over is left to other epochs, which have another order; less than a batch is repeated.
        self.steps = max(1, len(clips) // choices.batch_size)
        self.bank: Tensor = torch.from_numpy(vectors.rows(bank))
        self.unreadable: dict[str, str] = {}
        self._directory, self._clips, self._vectors, self._choices = directory, clips, vectors, choices
        self._shard_of = np.unique([clip.shard for clip in clips], return_inverse=True)[1]
        self._tried = self._failed = 0

    def batches(self, epoch: int, share: Share = WHOLE, *, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number ``first`` on, with the waveforms of one share of each.

        Raises DataError if a shard cannot be read, or most clips cannot be decoded.
        """
        order = self._order(epoch)
        pending: deque[_Started] = deque()
        with decoding_pool(self._choices.workers) as pool:
            try:
                for step in range(first, self.steps):
                    pending.append(self._start(pool, order, epoch, step, share))
                    if len(pending) > BATCHES_AHEAD:
                        yield self._finish(pending.popleft())
                while pending:
                    yield self._finish(pending.popleft())
            except BrokenProcessPool as error:
                raise DataError(
                    "a process that decodes audio died, perhaps for want of memory; try fewer workers"
                ) from error
            finally:
                pool.shutdown(cancel_futures=True)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """Return the clips of an epoch: shards at random, then the clips of every few of them."""
        rng = np.random.default_rng(random.Random(f"{self._choices.seed}/{epoch}").getrandbits(64))
        place_of_shard = rng.permutation(int(self._shard_of.max()) + 1)
        group = place_of_shard[self._shard_of] // SHARDS_MIXED
        return np.resize(np.lexsort((rng.random(self.clips), group)), self.steps * self.batch_size)

    def _start(
        self, pool: ProcessPoolExecutor, order: NDArray[np.int64], epoch: int, step: int, share: Share
    ) -> _Started:
        choices, own = self._choices, share.of(self.batch_size)
        places = range(step * self.batch_size, (step + 1) * self.batch_size)
        clips = [self._clips[order[place]] for place in places]
        # Every place of an epoch has its own seed: whichever process comes to it, it draws the same.
        seeds = [f"{choices.seed}/{epoch}/{place}" for place in places]
        captions = [
            caption
            for clip, seed in zip(clips, seeds, strict=True)
            for caption in _draw(clip.captions, choices.captions_per_clip, random.Random(f"{seed}/captions"))
        ]
        heard = [
            pool.submit(
                hear,
                self._directory,
                clips[start : min(start + CLIPS_AT_ONCE, own.stop)],
                seeds[start : min(start + CLIPS_AT_ONCE, own.stop)],
                samples=round(choices.seconds * choices.sample_rate_hz),
                sample_rate_hz=choices.sample_rate_hz,
            )
            for start in range(own.start, own.stop, CLIPS_AT_ONCE)
        ]
        return _Started(captions=captions, heard=heard)

    def _finish(self, started: _Started) -> Batch:
        heard = [decoding.result() for decoding in started.heard]
        for part in heard:
            self._tried += len(part.waveforms)
            self._failed += len(part.unreadable)
            self.unreadable.update(part.unreadable)
        if self._tried >= min(LEAST_TRIED, self.clips) and self._failed > MOST_UNREADABLE * self._tried:
            key, reason = next(iter(self.unreadable.items()))
            raise DataError(
                f"{self._failed} of the first {self._tried} clips of {self._directory} cannot be decoded (clip {key}: "
                f"{reason}); if they were changed since, write the shards again into a new folder"
            )
        vectors = torch.from_numpy(self._vectors.rows(started.captions))
        return Batch(
            waveforms=torch.from_numpy(np.concatenate([part.waveforms for part in heard])),
            captions=vectors.unflatten(0, (self.batch_size, self._choices.captions_per_clip)),
        )


def _draw(captions: Sequence[str], count: int, rng: random.Random) -> Iterator[str]:
    """Draw captions of one clip, each again only when all have been drawn."""
    return islice(cycle(rng.sample(captions, len(captions))), count)
