"""A model in torch: an anchor and an audio encoder in one space, on a CPU or a GPU."""

import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from model.anchor import Anchor
from model.audio_encoder import AudioEncoder
from model.folding import folded
from model.retrieval_model import RetrievalModel
from model.space import EmbeddingSpace

CPU_BATCH, GPU_BATCH = 16, 64
"""Windows in a batch of a stream."""


class TorchModel(RetrievalModel):
    """What ``torch_directory.load_torch_model`` returns.

    On a CPU several batches are embedded side by side, each on one thread: for networks of small layers that beats all
    threads on one batch. On a GPU one batch at a time, and the next is made ready meanwhile.
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
        self._embedding = folded(self.audio_encoder)
        self.space = space
        self.window_s = window_s
        self.hop_s = hop_s
        self.sample_rate_hz = audio_encoder.sample_rate_hz
        on_cpu = next(audio_encoder.parameters()).device.type == "cpu"
        self.streams = (os.cpu_count() or 1) if on_cpu else 1
        self.stream_windows = CPU_BATCH if on_cpu else GPU_BATCH

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.anchor.embed_texts(texts)

    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        return self.anchor.embed_images(images)

    def embed_audio(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return embed_windows(self._embedding, windows)

    def embed_in_stream(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.streams > 1:
            torch.set_num_threads(1)  # OpenMP keeps this number for each thread apart
        return self.embed_audio(windows)


def embed_windows(encoder: AudioEncoder, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embed windows, (N, samples), to float32 unit vectors, (N, D), on whatever device the encoder is."""
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        vectors = encoder(torch.from_numpy(windows).to(device))
        return torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()
