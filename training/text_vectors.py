"""The frozen anchor's vectors of training texts, each computed once and kept on disk.

This is where the cheapness of the method comes from: the text tower never runs inside the training loop. Millions of
captions keep it busy for hours, so they are stored in parts: a part is written as soon as it is full, and a run that
is killed loses no more than one. Parts are mapped, not read: they take no memory of a process, and all share them.

A part is a safetensors file of ``vectors`` (N, D), float32, and ``texts``, a JSON list as bytes. Its name holds a hash
of its texts: runs that share a folder write beside each other, and those that embed the same texts write one part.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model.anchor import Anchor
from model.files import write_atomically
from training.errors import DataError

PART_TEXTS = 65_536  # in a part; of 512 dimensions, 128 MiB


class TextVectors:
    """A growing table of unit vectors keyed by text, for one anchor.

    Raises DataError if a part in ``cache_dir`` is broken, or cannot be written.
    """

    def __init__(self, anchor: Anchor, cache_dir: Path) -> None:
        self._anchor, self._folder = anchor, cache_dir
        key = hashlib.sha256(anchor.fingerprint.encode()).hexdigest()[:16]
        self._stem = f"text-vectors-{key}"
        self._rows: dict[str, int] = {}
        self._parts: list[NDArray[np.float32]] = []
        self._starts: list[int] = []  # the row at which each part begins
        self._count = 0
        for path in sorted(cache_dir.glob(f"{self._stem}-*.safetensors")):
            self._take(*_read_part(path))

    def add(self, texts: Sequence[str]) -> None:
        """Embed the texts that are new and save them, part by part."""
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        for start in range(0, len(new), PART_TEXTS):
            self._embed(new[start : start + PART_TEXTS])

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of known texts, (len(texts), D)."""
        rows = np.array([self._rows[text] for text in texts], np.int64)
        vectors = np.empty((len(rows), self._anchor.dim), np.float32)
        part_of = np.searchsorted(self._starts, rows, side="right") - 1
        for part in np.unique(part_of):
            own = part_of == part
            vectors[own] = self._parts[part][rows[own] - self._starts[part]]
        return vectors

    def _embed(self, texts: list[str]) -> None:
        encoded = json.dumps(texts).encode()
        path = self._folder / f"{self._stem}-{hashlib.sha256(encoded).hexdigest()[:16]}.safetensors"
        vectors = np.ascontiguousarray(self._anchor.embed_texts(texts), np.float32)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, save({"vectors": vectors, "texts": np.frombuffer(encoded, np.uint8)}))
        except OSError as error:
            raise DataError(
                f"{path} cannot be written: {error.strerror or error}. Make room, and run the same command again: "
                "what is embedded is kept"
            ) from error
        self._take(*_read_part(path))  # mapped from now on: the copy in memory goes

    def _take(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        for row, text in enumerate(texts, start=self._count):
            self._rows.setdefault(text, row)  # two runs may have embedded it
        self._starts.append(self._count)
        self._parts.append(vectors)
        self._count += len(texts)


def _read_part(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    try:
        with safe_open(path, framework="pt") as part:  # torch's tensors are mapped, numpy's would be copies
            texts = json.loads(part.get_tensor("texts").numpy().tobytes())
            return texts, part.get_tensor("vectors").numpy()
    except (SafetensorError, OSError, ValueError) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read ({error}); delete it, and its texts are embedded again")
