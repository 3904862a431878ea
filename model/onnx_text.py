"""The compact anchor's text tower in ONNX Runtime: tokens and table look-ups in numpy, everything else one network.

Tables are mapped into memory, so that of 150 MB only the rows that texts use are ever read.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from model import onnx_directory as files
from model.cores import CORES
from model.e5_file import E5Tokenizer, dequantise
from model.errors import ModelDirectoryError
from model.lexical_rows import lexical_rows
from model.onnx_sessions import Network, side_by_side
from model.use_tokenizer import UseTokenizer

TOKENS_PER_BATCH = 256
"""Most tokens of a batch, padding included; a longer text is a batch of its own. More are hardly faster."""


class OnnxTextTower:
    """Texts to unit vectors, (N, D)."""

    def __init__(self, directory: Path, facts: files.OnnxFacts) -> None:
        self._dim = facts.space.dim
        self._network = Network(directory / files.TEXT_NETWORK)
        try:
            self._e5 = _e5_tokenizer(directory, facts.e5)
            self._use = _use_tokenizer(directory)
            self._words = np.load(directory / files.E5_WORDS, mmap_mode="r")
            self._pieces = np.load(directory / files.USE_PIECES, mmap_mode="r")
            self._lexicon = np.load(directory / files.LEXICON, mmap_mode="r")
            self._scales = np.load(directory / files.USE_SCALES)
        except Exception as error:  # the tokenizers library raises Exception itself
            raise ModelDirectoryError(f"{directory} is damaged: {error}. Export the model again") from error

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), D)."""
        vectors = np.empty((len(texts), self._dim), np.float32)
        if not len(texts):
            return vectors
        words, pieces = self._e5.encode(texts), self._use.encode(texts)
        known = lexical_rows(self._e5, texts)
        lengths = [max(len(w), len(p)) for w, p in zip(words, pieces, strict=True)]

        def embed_batch(rows: Sequence[int]) -> NDArray[np.float32]:
            word_ids, word_mask = _padded([words[row] for row in rows], self._e5.pad)
            piece_ids, piece_mask = _padded([pieces[row] for row in rows], 0)
            inputs = {"words": self._word_rows(word_ids), "word_mask": word_mask}
            inputs |= {"pieces": self._piece_rows(piece_ids), "piece_mask": piece_mask}
            return self._network(inputs | {"lexicon": self._lexical([known[row] for row in rows])})

        by_length = list(batches(lengths))
        for rows, of_batch in zip(by_length, side_by_side(embed_batch, by_length), strict=True):
            vectors[rows] = of_batch
        return vectors

    def _word_rows(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        unique, inverse = np.unique(ids, return_inverse=True)
        return dequantise(self._words[unique])[inverse.reshape(ids.shape)]

    def _piece_rows(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        scale, lowest = self._scales[ids % len(self._scales)].transpose(2, 0, 1)[..., None]
        return self._pieces[ids] * scale + lowest

    def _lexical(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        sums = [self._lexicon[of_text].sum(0) / np.float32(np.sqrt(len(of_text))) for of_text in rows]
        return np.stack(sums).astype(np.float32, copy=False)


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the rows of batches, like lengths together, so that there is little padding, and work for each core."""
    share = -(-sum(lengths) // CORES) + max(lengths, default=0)
    most = min(TOKENS_PER_BATCH, share)
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[row] > most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _padded(ids: Sequence[Sequence[int]], pad: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    lengths = np.array([len(of_text) for of_text in ids])
    padded = np.full((len(ids), lengths.max()), pad, np.int64)
    mask = np.arange(padded.shape[1]) < lengths[:, None]
    padded[mask] = np.concatenate([np.asarray(of_text, np.int64) for of_text in ids])
    return padded, mask


def _e5_tokenizer(directory: Path, ids: files.E5Ids) -> E5Tokenizer:
    characters = json.loads((directory / files.E5_CHARACTERS).read_text("utf-8"))
    return E5Tokenizer(
        tokenizer=Tokenizer.from_file(str(directory / files.E5_TOKENIZER)),
        char_map={int(code): text for code, text in characters.items()},
        bos=ids.bos,
        eos=ids.eos,
        pad=ids.pad,
    )


def _use_tokenizer(directory: Path) -> UseTokenizer:
    forms: dict[str, str] = json.loads((directory / files.USE_NORMAL_FORMS).read_text("utf-8"))
    tokenizer = Tokenizer.from_file(str(directory / files.USE_TOKENIZER))
    return UseTokenizer(tokenizer=tokenizer, normal_forms=forms, longest=max(map(len, forms)))
