"""The embedded default anchor: works offline from what the package registries carry.

Text: multilingual-e5-small, USE-multilingual and a lexicon, joined by a small trained head and drawn to English
concepts (``model.compact_text``).
Images: EfficientNet-lite0 names what it sees, and the names' text vectors, weighted by its certainty, are the
image's vector (ConSE, Norouzi et al. 2014, arXiv 1312.5650); no image was ever trained on.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F

from model.anchor import Anchor
from model.compact_text import TextTower
from model.image_views import image_views
from model.imagenet import image_network

TOP_CLASSES = 10  # ConSE's own choice
LICENCE = "e5-small MIT, USE Apache-2.0, EfficientNet-lite0 Apache-2.0, lexicon and head Apache-2.0"


class CompactAnchor(Anchor):
    """The anchor of the committed default model.

    ``tensors``: ``text.*`` (a ``TextTower``) and ``image.class_vectors``, (1000, D).
    """

    name = "compact"
    licence = LICENCE

    def __init__(self, tensors: Mapping[str, Tensor], *, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._class_vectors = tensors["image.class_vectors"].float()
        self.dim = self._class_vectors.shape[1]
        tower = {key.removeprefix("text."): t for key, t in tensors.items() if key.startswith("text.")}
        concepts = len(tower["concepts.entries"])
        self.tower = TextTower(self.dim, concepts=concepts).requires_grad_(False).eval()
        self.tower.load_state_dict(tower)
        self.image_network = image_network()

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return self.tower(texts).numpy()

    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        with torch.inference_mode():
            vectors = [self._embed_views(torch.from_numpy(image_views(image))) for image in images]
        return np.stack(vectors) if vectors else np.empty((0, self.dim), np.float32)

    def _embed_views(self, views: Tensor) -> NDArray[np.float32]:
        return self.vector_of(self.image_network(views)).numpy()

    def vector_of(self, logits: Tensor) -> Tensor:
        """Return the unit vector, (D,), of a picture whose views were classified, (views, classes)."""
        top, classes = logits.softmax(-1).mean(0).topk(TOP_CLASSES)
        return F.normalize(top @ self._class_vectors[classes], dim=-1)
