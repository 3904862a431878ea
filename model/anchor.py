"""The interface of an anchor: frozen text and image towers that define an embedding space.

Everything else is trained to land in the space of an anchor, so an anchor never changes after its
fingerprint has been taken.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image


class Anchor(ABC):
    """Embeds text and images into one space.

    Declared facts: ``name``, ``dim`` (D), ``licence``, ``fingerprint`` (hash over everything that decides a vector).
    """

    name: str
    dim: int
    licence: str
    fingerprint: str

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), D)."""

    @abstractmethod
    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(images), D)."""
