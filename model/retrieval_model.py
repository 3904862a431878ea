"""An anchor and an audio encoder in one space: what indexer, service and evaluation embed with.

model = load_model()                          # the committed default
model.embed_texts(["ein bellender Hund"])     # (1, D)
model.embed_audio(windows)                    # (N, window_samples) -> (N, D)
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from model.anchor import Anchor
from model.audio_encoder import AudioEncoder
from model.space import EmbeddingSpace


class RetrievalModel:
    """Embeds texts, images and windows of audio to float32 unit vectors of one space.

    Facts: ``space``, ``sample_rate_hz``, ``window_s`` and ``hop_s`` (how clips are cut into segments).
    Safe to call from several threads: it holds no state between calls.
    """

    def __init__(
        self,
        *,
        anchor: Anchor,
        audio_encoder: AudioEncoder,
        space: EmbeddingSpace,
        window_s: float,
        hop_s: float,
    ) -> None:
        self.anchor = anchor
        self.audio_encoder = audio_encoder.eval()
        self.space = space
        self.window_s = window_s
        self.hop_s = hop_s
        self.sample_rate_hz = audio_encoder.sample_rate_hz

    @property
    def window_samples(self) -> int:
        """Samples in one window."""
        return round(self.window_s * self.sample_rate_hz)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), D)."""
        return self.anchor.embed_texts(texts)

    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(images), D)."""
        return self.anchor.embed_images(images)

    def embed_audio(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed mono windows in [-1, 1] at ``sample_rate_hz``, shape (N, window_samples), to (N, D)."""
        return embed_windows(self.audio_encoder, windows)


def embed_windows(encoder: AudioEncoder, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embed windows, (N, samples), to float32 unit vectors, (N, D), on whatever device the encoder is."""
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        vectors = encoder(torch.from_numpy(windows).to(device))
        return torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()
