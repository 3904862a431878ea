"""What an epoch is made of: clips by their length, the same again for the same epoch, and never nothing."""

from collections import Counter

import numpy as np

from training.captions import ClipText
from training.dataset import AlignmentData, DrawChoices

RATE = 100
SECONDS = (0.5, 5.0, 60.0)


class Numbers:
    """Vectors that say which text they are of."""

    def __init__(self) -> None:
        self.known: list[str] = []

    def add(self, texts: list[str]) -> None:
        self.known += [text for text in texts if text not in self.known]

    def rows(self, texts: list[str]) -> np.ndarray:
        return np.array([[self.known.index(text)] for text in texts], np.float32)


def data(batch_size: int) -> tuple[AlignmentData, Numbers]:
    lengths = [length for length in SECONDS for _ in range(10)]
    waves = [np.full(round(length * RATE), 1_000, np.int16) for length in lengths]
    texts = [ClipText(captions=(f"{length} s",), tags=(), tag_weights=()) for length in lengths]
    vectors = Numbers()
    choices = DrawChoices(batch_size=batch_size, mixture_share=0.0, machine_share=0.0, lengths_s=(1.0,))
    made = AlignmentData(waves, texts, vectors, sample_rate_hz=RATE, choices=choices, mixtures=0, seed=0)  # pyright: ignore[reportArgumentType]
    return made, vectors


def drawn(subject: AlignmentData, vectors: Numbers, epoch: int) -> Counter[float]:
    texts = [vectors.known[int(row)] for b in subject.batches(epoch) for row in b.captions[:, 0, 0]]
    return Counter(next(length for length in SECONDS if f"{length} s" in text) for text in texts)


def test_a_clip_is_drawn_by_its_length_up_to_ten_seconds() -> None:
    subject, vectors = data(batch_size=1)
    assert (subject.draws, subject.steps) == (31, 31)
    assert drawn(subject, vectors, epoch=0) == {0.5: 1, 5.0: 10, 60.0: 20}


def test_an_epoch_is_the_same_when_it_is_drawn_again_and_another_is_not() -> None:
    subject, _ = data(batch_size=4)
    first, again, other = ([b.captions.tolist() for b in subject.batches(e)] for e in (1, 1, 2))
    assert first == again != other


def test_however_little_there_is_to_hear_an_epoch_has_a_batch() -> None:
    subject, _ = data(batch_size=64)
    assert [len(batch.waveforms) for batch in subject.batches(0)] == [64]
