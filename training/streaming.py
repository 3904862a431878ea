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
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.audio import open_audio
from indexer.errors import DecodeError
from training.audio_data import random_cut, random_gain, to_sixteen_bits
from training.batch import WHOLE, Batch, Share
from training.errors import DataError
from training.shard_index import ShardedClip, read_clip, read_index
from training.text_vectors import TextVectors

BANK_TEXTS = 65_536
SHARDS_MIXED = 16
BATCHES_AHEAD = 2  # that are decoded while one is learned from: enough to even out clips that take long
LONGEST_HEARD_S = 120.0  # a cut is from the first two minutes: an hour of audio would keep a worker too long
MOST_UNREADABLE, LEAST_TRIED = (
    0.5,
    100,
)  # of so many clips, so large a share: it is not the clips that are broken


@dataclass(frozen=True, kw_only=True)
class StreamChoices:
    """How batches are drawn: ``seconds`` and ``captions_per_clip`` of each clip, decoded by ``workers`` threads."""

    sample_rate_hz: int
    batch_size: int
    seconds: float
    captions_per_clip: int
    seed: int
    workers: int


def stream(directory: Path, anchor_vectors: TextVectors, choices: StreamChoices) -> "StreamedData":
    """Open a folder that `sonoglot shards` wrote, and embed those of its captions that are new.

    Raises DataError if the folder is not whole.
    """
    clips = read_index(directory)
    captions = sorted({caption for clip in clips for caption in clip.captions})
    anchor_vectors.add(captions)
    sample = random.Random(f"{choices.seed}/bank").sample(captions, min(BANK_TEXTS, len(captions)))
    return StreamedData(directory, clips, anchor_vectors, choices, bank=sample)


@dataclass(frozen=True, kw_only=True)
class _Started:
    """A batch that is being decoded: each clip of the share writes its own row of ``waves``."""

    waves: NDArray[np.float32]
    captions: list[str]  # of all clips of the batch, one clip's after another's
    heard: list[tuple[str, Future[str | None]]]


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

        Raises DataError if the batch size cannot be shared so, a shard cannot be read, or most clips cannot be decoded.
        """
        if self.batch_size % share.count:
            raise DataError(f"a batch of {self.batch_size} clips cannot be shared evenly by {share.count}")
        order = self._order(epoch)
        pending: deque[_Started] = deque()
        with ThreadPoolExecutor(self._choices.workers, thread_name_prefix="decode") as pool:
            try:
                for step in range(first, self.steps):
                    pending.append(self._start(pool, order, epoch, step, share))
                    if len(pending) > BATCHES_AHEAD:
                        yield self._finish(pending.popleft())
                while pending:
                    yield self._finish(pending.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """Return the clips of an epoch: shards at random, then the clips of every few of them."""
        rng = np.random.default_rng(random.Random(f"{self._choices.seed}/{epoch}").getrandbits(64))
        place_of_shard = rng.permutation(int(self._shard_of.max()) + 1)
        group = place_of_shard[self._shard_of] // SHARDS_MIXED
        return np.resize(np.lexsort((rng.random(self.clips), group)), self.steps * self.batch_size)

    def _start(
        self, pool: ThreadPoolExecutor, order: NDArray[np.int64], epoch: int, step: int, share: Share
    ) -> _Started:
        choices, size = self._choices, self.batch_size // share.count
        waves = np.zeros((size, round(choices.seconds * choices.sample_rate_hz)), np.float32)
        started = _Started(waves=waves, captions=[], heard=[])
        for place, number in enumerate(order[step * self.batch_size : (step + 1) * self.batch_size]):
            clip = self._clips[number]
            # One generator for each place of an epoch: whichever process or thread comes to it, it draws the same.
            rng = random.Random(f"{choices.seed}/{epoch}/{step * self.batch_size + place}")
            started.captions.extend(_draw(clip.captions, choices.captions_per_clip, rng))
            row = place - share.index * size
            if 0 <= row < size:
                started.heard.append((clip.key, pool.submit(self._hear, clip, waves[row], rng)))
        return started

    def _finish(self, started: _Started) -> Batch:
        for key, decoding in started.heard:
            self._tried += 1
            if reason := decoding.result():
                self._failed += 1
                self.unreadable[key] = reason
        if self._tried >= min(LEAST_TRIED, self.clips) and self._failed > MOST_UNREADABLE * self._tried:
            key, reason = next(iter(self.unreadable.items()))
            raise DataError(
                f"{self._failed} of the first {self._tried} clips of {self._directory} cannot be decoded (clip {key}: "
                f"{reason}); if they were changed since, write the shards again into a new folder"
            )
        vectors = self._vectors.rows(started.captions)
        return Batch(
            waveforms=torch.from_numpy(started.waves),
            captions=torch.from_numpy(vectors).unflatten(
                0, (self.batch_size, self._choices.captions_per_clip)
            ),
        )

    def _hear(self, clip: ShardedClip, row: NDArray[np.float32], rng: random.Random) -> str | None:
        """Decode a clip and cut it into ``row``; if that cannot be done, leave the row silent and say why."""
        content = read_clip(self._directory, clip)
        try:
            audio = _decode(content, self._choices.sample_rate_hz)
        except DecodeError as error:
            return str(error)
        row[:] = random_gain(random_cut(to_sixteen_bits(audio), len(row), rng), rng)
        return None


def _draw(captions: Sequence[str], count: int, rng: random.Random) -> Iterator[str]:
    """Draw captions of one clip, each again only when all have been drawn."""
    return islice(cycle(rng.sample(captions, len(captions))), count)


def _decode(content: bytes, sample_rate_hz: int) -> NDArray[np.float32]:
    blocks, left = [np.empty(0, np.float32)], round(LONGEST_HEARD_S * sample_rate_hz)
    with open_audio(content, sample_rate_hz=sample_rate_hz) as stream_of_blocks:
        for block in stream_of_blocks:
            blocks.append(block[:left])
            left -= len(blocks[-1])
            if not left:
                break
    return np.concatenate(blocks)
