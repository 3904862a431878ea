"""The embedded default anchor: works offline from what the package registries carry.

Text: multilingual-e5-small with a trained low-rank adapter and head (``training.compact_anchor``).
Images: EfficientNet-lite0 names what it sees, and the names' text vectors, weighted by its certainty, are the
image's vector (ConSE, Norouzi et al. 2014, arXiv 1312.5650); no image was ever trained on.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from model.anchor import Anchor
from model.e5 import E5Encoder, packed_path, read_packed
from model.imagenet import IMAGE_SIZE_PX, image_network
from model.low_rank import merge_low_rank

TEXT_BATCH = 64
TOP_CLASSES = 10  # ConSE's own choice
LICENCE = "e5-small MIT, EfficientNet-lite0 Apache-2.0, adapter Apache-2.0"


class CompactText(nn.Module):
    """Token ids to unit vectors, (N, D)."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.encoder = E5Encoder(read_packed(packed_path()))
        prefix = "low_rank."
        merge_low_rank(self.encoder.layers,
                       {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)})
        self.head = nn.Linear(*reversed(tensors["head.weight"].shape))
        self.head.load_state_dict({"weight": tensors["head.weight"].float(), "bias": tensors["head.bias"].float()})
        self.requires_grad_(False)

    def forward(self, ids: list[list[int]]) -> Tensor:
        return F.normalize(self.head(F.normalize(self.encoder(ids), dim=-1)), dim=-1)


class CompactAnchor(Anchor):
    """The anchor of the committed default model.

    ``tensors``: ``text.head.*``, ``text.low_rank.*`` (see ``model.low_rank``) and ``image.class_vectors``, (1000, D).
    """

    name = "compact"
    licence = LICENCE

    def __init__(self, tensors: Mapping[str, Tensor], *, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._text = CompactText({k.removeprefix("text."): t for k, t in tensors.items() if k.startswith("text.")})
        self._image_network = image_network()
        self._class_vectors = tensors["image.class_vectors"].float()
        self.dim = self._class_vectors.shape[1]

    def to(self, device: str) -> "CompactAnchor":
        """Move the towers to a device and return the anchor."""
        self._text.to(device)
        self._image_network.to(device)
        self._class_vectors = self._class_vectors.to(device)
        return self

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        ids = self._text.encoder.tokenizer.encode(list(texts))
        vectors = np.empty((len(ids), self.dim), np.float32)
        by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))  # little padding in a batch
        with torch.inference_mode():
            for start in range(0, len(ids), TEXT_BATCH):
                rows = by_length[start : start + TEXT_BATCH]
                vectors[rows] = self._text([ids[row] for row in rows]).cpu().numpy()
        return vectors

    def embed_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        device = self._class_vectors.device
        with torch.inference_mode():
            vectors = [self._embed_views(image_views(image).to(device)) for image in images]
        return np.stack(vectors) if vectors else np.empty((0, self.dim), np.float32)

    def _embed_views(self, views: Tensor) -> NDArray[np.float32]:
        probabilities = self._image_network(views).softmax(-1).mean(0)
        top, classes = probabilities.topk(TOP_CLASSES)
        return F.normalize(top @ self._class_vectors[classes], dim=-1).cpu().numpy()

    def covers(self, text: str) -> bool:
        """Tell whether the tokenizer knows most of a text; where it does not, results are noise."""
        return self._text.encoder.tokenizer.unknown_share(text) < 0.5


def image_views(image: Image.Image) -> Tensor:
    """Return the whole picture, padded to a square, and its centre, (2, 3, 224, 224) in [-1, 1].

    Drawings fill their frame and lose their outline when cropped; photos hold their subject in the centre.
    """
    image = image.convert("RGB")
    side = max(image.size)
    whole = Image.new("RGB", (side, side), "white")
    whole.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    centre = image.crop((left, top, left + short, top + short))
    views = [view.resize((IMAGE_SIZE_PX, IMAGE_SIZE_PX), Image.Resampling.BICUBIC) for view in (whole, centre)]
    pixels = np.stack([np.asarray(view, np.float32) for view in views])
    return torch.from_numpy((pixels - 127.0) / 128.0).permute(0, 3, 1, 2)
