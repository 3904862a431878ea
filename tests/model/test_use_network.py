"""The torch module of USE against the package's numpy, which is the reference."""

import numpy as np
import torch

from model.compact_text import encoders
from model.use_network import UseNetwork
from model.use_tables import use_pieces, use_weights

TEXTS = ["a dog", "ein langer Satz über Regen auf einem Blechdach in der Nacht", "犬", ""]


def test_vectors_are_the_packages_own_whatever_stands_beside() -> None:
    use = encoders()[1]
    table, scales = use_pieces()
    ids = [np.array(use._tokenizer.encode(text)) for text in TEXTS]
    rows = torch.full((len(ids), max(map(len, ids)), table.shape[1]), 9.0)  # padding must not count
    mask = torch.zeros(rows.shape[:2], dtype=torch.bool)
    for at, of_text in enumerate(ids):
        scale, lowest = scales[of_text % len(scales)].T[..., None]
        rows[at, : len(of_text)] = torch.from_numpy(table[of_text] * scale + lowest)
        mask[at, : len(of_text)] = True
    with torch.inference_mode():
        vectors = UseNetwork(use_weights()).eval()(rows, mask).numpy()
    np.testing.assert_allclose(vectors, use.encode(TEXTS), atol=1e-5)
