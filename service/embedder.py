"""What the service embeds questions with: words of many at once, and files one at a time.

Interface and messages are the same whether the model lies in this process or in one of its own
(``embedding_process``). A file is decoded where it is embedded, so what is sent is its content as it came.
"""

from abc import ABC, abstractmethod
from asyncio import get_running_loop
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.queries import audio_vector, image_vector, region_vector
from model.calibration import Calibration
from model.directory import load_model
from model.retrieval_model import RetrievalModel
from model.space import EmbeddingSpace

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A picture file's content."""

    content: bytes


@dataclass(frozen=True)
class Sound:
    """A sound file's content."""

    content: bytes


@dataclass(frozen=True)
class Region:
    """What lies between two times of a sound file, in seconds."""

    path: Path
    region_s: tuple[float, float]


File = Picture | Sound | Region


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a process of its own tells of its model, once it is loaded."""

    space: EmbeddingSpace
    calibration: Calibration | None


class Embedder(ABC):
    """Embeds to unit vectors of one space. Facts: ``space``, and the model's ``calibration``, if it has any."""

    space: EmbeddingSpace
    calibration: Calibration | None

    @abstractmethod
    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts, (len(texts), D), without holding up the event loop. Called for one batch at a time."""

    @abstractmethod
    def embed_file(self, file: File) -> Vector:
        """The vector of a file, (D,); blocks. Raises UnreadableImageError, DecodeError or InvalidQueryError."""

    @abstractmethod
    def check(self) -> None:
        """Get ready, if need be, which blocks. Raises NotAvailableError if nothing can be embedded."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the model; nothing is asked afterwards."""


class LocalEmbedder(Embedder):
    """A model in this process, whose texts have a thread of their own."""

    def __init__(self, model: RetrievalModel) -> None:
        self._model = model
        self._texts = ThreadPoolExecutor(1, "embed-texts")
        self.space, self.calibration = model.space, model.calibration

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await get_running_loop().run_in_executor(self._texts, self._model.embed_texts, texts)

    def embed_file(self, file: File) -> Vector:
        return vector_of_file(self._model, file)

    def check(self) -> None:
        """Its model was loaded before it was made."""

    def close(self) -> None:
        self._texts.shutdown()


def vector_of_file(model: RetrievalModel, file: File) -> Vector:
    """The vector of a file, (D,). Errors as of ``Embedder.embed_file``."""
    match file:
        case Picture():
            return image_vector(model, file.content)
        case Sound():
            return audio_vector(model, file.content)
        case Region():
            return region_vector(model, file.path, file.region_s)


def ready_model(model_dir: Path | None) -> RetrievalModel:
    """Load a model, the committed default if none is given, and have it embed once. Raises ModelError."""
    model = load_model(model_dir)
    model.embed_texts(["warm-up"])  # the first call pays for lazily built kernels; no user should
    return model


def open_here(model_dir: Path | None = None) -> LocalEmbedder:
    """A model in this process. Raises ModelError."""
    return LocalEmbedder(ready_model(model_dir))
