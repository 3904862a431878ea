"""What embeds texts, pictures and sounds in one space: what indexer, service and evaluation see of a model.

model = load_model()                          # the committed default
model.embed_texts(["ein bellender Hund"])     # (1, D)
model.embed_audio(windows)                    # (N, window_samples) -> (N, D)

``model.torch_model`` runs it in torch, ``model.onnx_model`` in ONNX Runtime, where torch need not be installed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from model.calibration import Calibration
from model.space import EmbeddingSpace


class RetrievalModel(ABC):
    """Embeds texts, images and windows of audio to float32 unit vectors of one space.

    Facts: ``space``, ``sample_rate_hz``, ``window_s`` and ``hop_s`` (how clips are cut into segments); ``streams``, how
    many batches of audio are best embedded side by side, and ``stream_windows``, the windows in each of them;
    ``calibration``, what makes probabilities of its cosines, if it has any.
    Safe to call from several threads: it holds no state between calls.
    """

    space: EmbeddingSpace
    sample_rate_hz: int
    window_s: float
    hop_s: float
    streams: int
    stream_windows: int
    calibration: Calibration | None = None

    @property
    def window_samples(self) -> int:
        """Samples in one window."""
        return round(self.window_s * self.sample_rate_hz)

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), D)."""

    @abstractmethod
    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(images), D)."""

    @abstractmethod
    def embed_audio(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed mono windows in [-1, 1] at ``sample_rate_hz``, shape (N, window_samples), to (N, D)."""

    @abstractmethod
    def embed_in_stream(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do the same in one of ``streams`` threads that do nothing else, with this one's share of the machine."""
