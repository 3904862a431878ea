"""A model in ONNX Runtime: what ``model.onnx_export`` wrote, searched and served with where torch is not installed.

It lies in the same space as the model that was exported: float32 networks agree with torch to 1e-5, and where the text
network is in eight bits, its vectors have a cosine of more than .99 with those of the exported model
(docs/decisions/0009). Sounds and pictures are always embedded in float32, so a library may be indexed by either.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from model import onnx_directory as files
from model.image_views import image_views
from model.onnx_sessions import Network
from model.onnx_text import OnnxTextTower
from model.power_spectra import PowerSpectra
from model.retrieval_model import RetrievalModel


class OnnxModel(RetrievalModel):
    """What ``load_onnx_model`` returns.

    Windows are embedded one by one: several at once are no faster, and so a window's vector depends on nothing else.
    """

    stream_windows = 1

    def __init__(self, directory: Path, facts: files.OnnxFacts) -> None:
        cores = os.cpu_count() or 1
        self.space = facts.space
        self.sample_rate_hz, self.window_s, self.hop_s = facts.sample_rate_hz, facts.window_s, facts.hop_s
        self.streams = cores
        self._text = OnnxTextTower(directory, e5=facts.e5, dim=facts.space.dim, threads=cores)
        self._image = Network(directory / files.IMAGE_NETWORK, threads=cores)
        self._audio = Network(directory / files.AUDIO_NETWORK, threads=cores)
        self._power = PowerSpectra(facts.spectra)
        self._one_thread = _Later(directory / files.AUDIO_NETWORK, threads=1)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._text.embed(texts)

    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        vectors = [self._image({"views": np.ascontiguousarray(image_views(image))}) for image in images]
        return np.stack(vectors) if vectors else np.empty((0, self.space.dim), np.float32)

    def embed_audio(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._hear(self._audio, windows)

    def embed_in_stream(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._hear(self._one_thread.network(), windows)

    def _hear(self, network: Network, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if windows.ndim != 2 or windows.shape[1] != self.window_samples:
            raise ValueError(f"windows have {self.window_samples} samples, not the shape {windows.shape}")
        vectors = [network({"power": self._power(window[None])})[0] for window in windows]
        return np.stack(vectors) if vectors else np.empty((0, self.space.dim), np.float32)


class _Later:
    """A network that is opened when it is first needed: a server that indexes nothing has no use for it."""

    def __init__(self, path: Path, *, threads: int) -> None:
        self._path, self._threads = path, threads
        self._lock = threading.Lock()
        self._network: Network | None = None

    def network(self) -> Network:
        with self._lock:
            if self._network is None:
                self._network = Network(self._path, threads=self._threads)
            return self._network


def load_onnx_model(directory: Path) -> OnnxModel:
    """Open an exported model. Raises ModelDirectoryError if it is incomplete."""
    facts = files.read_onnx_facts(directory)
    files.check_complete(directory)
    return OnnxModel(directory, facts)
