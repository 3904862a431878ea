"""Where the ImageNet network's 1,000 class names lie in the text space: what turns its certainty into a vector."""

from itertools import pairwise

import numpy as np
import torch
from timm.data.imagenet_info import ImageNetInfo
from torch import Tensor
from torch.nn import functional as F

from model.compact_text import TextTower

CLASSES = 1_000


def class_vectors(tower: TextTower) -> Tensor:
    """Return the mean vector of each class's names, (1000, D); WordNet gives several names to most."""
    info = ImageNetInfo()
    names = [
        [name.strip() for name in info.index_to_description(index).split(",")] for index in range(CLASSES)
    ]
    with torch.inference_mode():
        vectors = tower([name for group in names for name in group])
    bounds = np.cumsum([0, *map(len, names)])
    means = [vectors[start:stop].mean(0) for start, stop in pairwise(bounds)]
    return F.normalize(torch.stack(means), dim=-1)
