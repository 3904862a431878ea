"""Streamed batches: the same wherever an epoch is entered, whoever shares it, and however many threads decode it."""

from collections import Counter
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.indexer.sounds import encode, tone
from tests.training.word_anchor import WordAnchor, direction
from training import hearing, streaming
from training.batch import Batch, Share
from training.errors import DataError
from training.manifest import ManifestEntry
from training.shard_index import read_index
from training.shards import write_shards
from training.streaming import StreamChoices, StreamedData, stream
from training.text_vectors import TextVectors

RATE, SECONDS, CLIPS = 8_000, 0.25, 11


def make_shards(folder: Path, *, broken: int = 0, clips: int = CLIPS) -> Path:
    """Tones of growing pitch, called by their number with one to three captions; the last ones are no sound."""
    entries = []
    for number in range(clips):
        path = folder / "sounds" / f"{number}.{'ogg' if number % 3 else 'wav'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = tone(seconds=0.1 + 0.1 * (number % 5), hz=200 + 300 * number)
        content = encode(sound, suffix=path.suffix[1:], rate_hz=16_000)
        path.write_bytes(b"no sound" if number >= clips - broken else content)
        captions = tuple(f"{number}, said {time}" for time in range(1 + number % 3))
        entries.append(ManifestEntry(audio=path, captions=captions))
    write_shards(entries, folder / "shards", clips_per_shard=3, on_clip=lambda: None)
    return folder / "shards"


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("data"))


def opened(
    directory: Path, *, batch_size: int = 4, captions_per_clip: int = 2, seed: int = 0, workers: int = 1
) -> StreamedData:
    choices = StreamChoices(
        sample_rate_hz=RATE,
        batch_size=batch_size,
        seconds=SECONDS,
        captions_per_clip=captions_per_clip,
        seed=seed,
        workers=workers,
    )
    return stream(
        directory, read_index(directory), TextVectors(WordAnchor(), directory.parent / "vectors"), choices
    )


def assert_same(some: list[Batch], others: list[Batch]) -> None:
    assert len(some) == len(others) > 0
    for one, other in zip(some, others, strict=True):
        assert torch.equal(one.waveforms, other.waveforms)
        assert torch.equal(one.captions, other.captions)


def clips_of(batch: Batch, clips: int = CLIPS) -> list[int]:
    """Which clip each row is called as; all captions of a row must be of one clip."""
    named = {direction(f"{n}, said {t}").tobytes(): n for n in range(clips) for t in range(1 + n % 3)}
    rows = [{named[vector.numpy().tobytes()] for vector in row} for row in batch.captions]
    assert all(len(row) == 1 for row in rows)
    return [row.pop() for row in rows]


def pitch(wave: Tensor) -> float:
    return float(torch.fft.rfft(wave, n=RATE).abs().argmax())


def test_batches_have_the_promised_shapes_and_each_sound_its_own_captions(shards: Path) -> None:
    data = opened(shards, captions_per_clip=3)
    assert (data.clips, data.steps, data.batch_size) == (CLIPS, 2, 4)
    for batch in data.batches(0):
        assert batch.waveforms.shape == (4, round(SECONDS * RATE))
        assert batch.waveforms.dtype == torch.float32
        assert batch.captions.shape == (4, 3, WordAnchor.dim)
        assert batch.targets is None
        for number, wave in zip(clips_of(batch), batch.waveforms, strict=True):
            assert pitch(wave) == pytest.approx(200 + 300 * number, abs=5)


def test_every_clip_has_its_turn_and_no_clip_two_in_an_epoch(shards: Path) -> None:
    data = opened(shards)
    epochs = [[n for batch in data.batches(epoch) for n in clips_of(batch)] for epoch in range(12)]
    assert all(max(Counter(epoch).values()) == 1 for epoch in epochs)
    assert {n for epoch in epochs for n in epoch} == set(range(CLIPS))
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


def test_all_captions_of_a_clip_are_drawn_before_one_is_drawn_again(shards: Path) -> None:
    for batch in opened(shards, captions_per_clip=3).batches(0):
        for number, row in zip(clips_of(batch), batch.captions, strict=True):
            assert len(row.unique(dim=0)) == 1 + number % 3


def test_an_epoch_entered_in_the_middle_goes_on_as_if_it_had_begun_before(shards: Path) -> None:
    whole = list(opened(shards, batch_size=2).batches(3))
    for first in range(len(whole)):
        assert_same(list(opened(shards, batch_size=2).batches(3, first=first)), whole[first:])


@pytest.mark.parametrize("count", [2, 3])  # four clips a batch are also shared by three
def test_shares_are_the_parts_of_the_whole_under_the_same_captions(shards: Path, count: int) -> None:
    whole = list(opened(shards).batches(1))
    parts = [list(opened(shards).batches(1, Share(index, count))) for index in range(count)]
    together = [
        Batch(waveforms=torch.cat([part.waveforms for part in step]), captions=step[0].captions)
        for step in zip(*parts, strict=True)
    ]
    assert_same(together, whole)
    for step in zip(*parts, strict=True):
        assert all(torch.equal(part.captions, step[0].captions) for part in step)


def test_the_number_of_workers_changes_nothing(shards: Path) -> None:
    assert_same(list(opened(shards, workers=1).batches(0)), list(opened(shards, workers=5).batches(0)))


def test_another_seed_or_epoch_gives_other_batches(shards: Path) -> None:
    of = [list(opened(shards, seed=seed).batches(epoch)) for seed, epoch in ((0, 0), (1, 0), (0, 1))]
    assert len({tuple(n for batch in batches for n in clips_of(batch)) for batches in of}) == 3


def test_fewer_clips_than_a_batch_are_one_batch(shards: Path) -> None:
    data = opened(shards, batch_size=30)
    (batch,) = data.batches(0)
    assert data.steps == 1
    assert set(Counter(clips_of(batch)).values()) == {2, 3}


def test_a_clip_that_cannot_be_decoded_is_silent_and_counted(tmp_path: Path) -> None:
    directory = make_shards(tmp_path, broken=2)
    data, half = opened(directory, batch_size=10), opened(directory, batch_size=10)
    batches = [batch for epoch in range(3) for batch in data.batches(epoch)]
    silent = {n for b in batches for n, w in zip(clips_of(b), b.waveforms, strict=True) if not w.any()}
    assert silent == {9, 10}
    keys = {clip.key for clip in read_index(directory) if clip.captions[0][:3] in ("9, ", "10,")}
    assert set(data.unreadable) == keys
    assert all("not audio" in reason for reason in data.unreadable.values())
    # the other process agrees although it has not decoded the same clips
    for whole, part in zip(data.batches(0), half.batches(0, Share(1, 2)), strict=True):
        assert torch.equal(whole.captions, part.captions)
        assert torch.equal(whole.waveforms[5:], part.waveforms)


def test_if_most_clips_cannot_be_decoded_training_stops(tmp_path: Path) -> None:
    data = opened(make_shards(tmp_path, broken=8), batch_size=11)
    with pytest.raises(DataError, match="8 of the first 11 clips"):
        list(data.batches(0))


def test_only_the_beginning_of_a_long_clip_is_decoded(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "LONGEST_HEARD_S", 0.05)
    clips = read_index(shards)
    heard = hearing.hear(
        shards, clips, [clip.key for clip in clips], samples=round(SECONDS * RATE), sample_rate_hz=RATE
    )
    assert ((heard.waveforms != 0).sum(1) <= 0.05 * RATE).all()
    assert (heard.waveforms != 0).any(1).all()


def test_the_bank_is_a_seeded_sample_of_all_captions(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = np.stack([direction(f"{n}, said {t}") for n in range(CLIPS) for t in range(1 + n % 3)])
    bank = opened(shards).bank.numpy()
    assert sorted(bank.tolist()) == sorted(everything.tolist())
    monkeypatch.setattr(streaming, "BANK_TEXTS", 5)
    few, again, other = (opened(shards, seed=seed).bank for seed in (0, 0, 1))
    assert few.shape == (5, WordAnchor.dim)
    assert torch.equal(few, again)
    assert not torch.equal(few, other)


def test_leaving_an_epoch_early_leaves_no_worker_behind(shards: Path) -> None:
    batches = opened(shards, batch_size=2, workers=3).batches(0)
    next(batches)
    assert active_children()
    batches.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert not active_children()


def test_a_worker_that_dies_is_said(shards: Path) -> None:
    batches = opened(shards, batch_size=1).batches(0)
    next(batches)
    for worker in active_children():
        worker.kill()
    with pytest.raises(DataError, match="process that decodes audio died"):
        list(batches)


def test_a_shard_that_goes_away_while_training_is_named(tmp_path: Path) -> None:
    directory = make_shards(tmp_path, clips=3)
    data = opened(directory, batch_size=3)
    (directory / "00000.tar").unlink()
    with pytest.raises(DataError, match=r"00000\.tar cannot be read"):
        list(data.batches(0))
