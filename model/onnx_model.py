"""A model in ONNX Runtime: what ``model.onnx_export`` wrote, searched and served with where torch is not installed.

It lies in the same space as the model that was exported: float32 networks agree with torch to 1e-5, and where the text
network is in eight bits, its vectors have a cosine of more than .99 with those of the exported model
(docs/decisions/0010). Sounds and pictures are always embedded in float32, so a library may be indexed by either.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from model import onnx_directory as files
from model.calibration import load_calibration
from model.cores import CORES
from model.image_views import image_views
from model.onnx_sessions import Network, side_by_side
from model.onnx_text import OnnxTextTower
from model.power_spectra import PowerSpectra
from model.retrieval_model import RetrievalModel


class OnnxModel(RetrievalModel):
    """What ``load_onnx_model`` returns.

    Windows are embedded one by one: several at once are no faster, and so a window's vector depends on nothing else.
    """

    stream_windows = 1

    def __init__(self, directory: Path, facts: files.OnnxFacts) -> None:
        self.space = facts.space
        self.sample_rate_hz, self.window_s, self.hop_s = facts.sample_rate_hz, facts.window_s, facts.hop_s
        self.streams = CORES
        self._text = OnnxTextTower(directory, facts)
        self._image = Network(directory / files.IMAGE_NETWORK)
        self._audio = Network(directory / files.AUDIO_NETWORK)
        self._power = PowerSpectra(facts.spectra)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._text.embed(texts)

    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        vectors = [self._image({"views": np.ascontiguousarray(image_views(image))}) for image in images]
        return self._stacked(vectors)

    def embed_audio(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        self._check(windows)
        return self._stacked(side_by_side(self._hear, list(windows)))

    def embed_in_stream(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        self._check(windows)
        return self._stacked([self._hear(window) for window in windows])

    def _hear(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._audio({"power": self._power(window[None])})[0]

    def _stacked(self, vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(vectors) if vectors else np.empty((0, self.space.dim), np.float32)

    def _check(self, windows: NDArray[np.float32]) -> None:
        if windows.ndim != 2 or windows.shape[1] != self.window_samples:
            raise ValueError(f"windows have {self.window_samples} samples, not the shape {windows.shape}")


def load_onnx_model(directory: Path) -> OnnxModel:
    """Open an exported model. Raises ModelDirectoryError if it is incomplete."""
    facts = files.read_onnx_facts(directory)
    files.check_complete(directory)
    model = OnnxModel(directory, facts)
    model.calibration = load_calibration(directory, dim=facts.space.dim)
    return model
