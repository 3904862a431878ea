"""The frozen anchor's vectors of training texts, each computed once and kept on disk.

This is where the cheapness of the method comes from: the text tower never runs inside the training loop.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.files import write_atomically
from model.anchor import Anchor


class TextVectors:
    """A growing table of unit vectors keyed by text, for one anchor."""

    def __init__(self, anchor: Anchor, cache_dir: Path) -> None:
        self._anchor = anchor
        key = hashlib.sha256(anchor.fingerprint.encode()).hexdigest()[:16]
        self._path = cache_dir / f"text-vectors-{key}.npz"
        self._rows: dict[str, int] = {}
        self._table = np.empty((0, anchor.dim), np.float32)
        if self._path.is_file():
            with np.load(self._path, allow_pickle=False) as stored:
                self._table = stored["vectors"]
                self._rows = {text: row for row, text in enumerate(stored["texts"].tolist())}

    def add(self, texts: Sequence[str]) -> None:
        """Embed the texts that are new and save the table."""
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if not new:
            return
        self._rows |= {text: len(self._table) + offset for offset, text in enumerate(new)}
        self._table = np.concatenate([self._table, self._anchor.embed_texts(new)])
        self._path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, vectors=self._table, texts=np.array(list(self._rows)))
        write_atomically(self._path, buffer.getvalue())  # ears that are trained side by side share it

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of known texts, (len(texts), D)."""
        return self._table[[self._rows[text] for text in texts]]
