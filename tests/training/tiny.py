"""The smallest real things that can be aligned: three pitches, their words, and an encoder that can tell them apart."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from model.audio_encoder import AudioEncoder
from training.captions import ClipText
from training.dataset import AlignmentData, DrawChoices

RATE = 1_000
DIM = 8
WORDS = ("low", "middle", "high")


class Spectrum(AudioEncoder):
    """The smallest encoder that can tell three pitches apart."""

    def __init__(self, *, dropout: float = 0.1, norm: bool = False) -> None:
        super().__init__()
        self.embed_dim, self.sample_rate_hz = DIM, RATE
        first = nn.BatchNorm1d(16) if norm else nn.Identity()
        self.layers = nn.Sequential(
            first, nn.Linear(16, 16), nn.Dropout(dropout), nn.ReLU(), nn.Linear(16, DIM)
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(waveforms, n=512).abs().log1p()[:, :256]
        return self.layers(spectrum.unflatten(1, (16, 16)).mean(2))


@dataclass
class WordVectors:
    """Fixed random directions for words: what a frozen anchor gives."""

    table: dict[str, np.ndarray]

    def add(self, texts: list[str]) -> None:
        for text in texts:
            seed = sum(map(ord, text))
            vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
            self.table.setdefault(text, vector / np.linalg.norm(vector))

    def rows(self, texts: list[str]) -> np.ndarray:
        return np.stack([self.table[text] for text in texts])


def tones(
    *, seconds: float = 2.0, batch_size: int = 4, captions_per_clip: int = 1, graded: bool = True
) -> AlignmentData:
    """Twelve tones of three pitches, and some mixtures; five seconds of a tone are one draw an epoch."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    waves = [(np.sin(2 * np.pi * (50 + 150 * (i % 3)) * time_s) * 20_000).astype(np.int16) for i in range(12)]
    texts = [ClipText(captions=(WORDS[i % 3],), tags=(), tag_weights=()) for i in range(12)]
    choices = DrawChoices(
        batch_size=batch_size,
        mixture_share=0.2,
        machine_share=0.0,
        lengths_s=(1.0, 1.5),
        captions_per_clip=captions_per_clip,
        graded=graded,
    )
    vectors = WordVectors({})
    return AlignmentData(waves, texts, vectors, sample_rate_hz=RATE, choices=choices, mixtures=4, seed=0)  # pyright: ignore[reportArgumentType]
