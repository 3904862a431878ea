"""The identity of an embedding space.

Vectors may only be compared inside one space. Every index, model and answer names its space by these three
facts, so that a mix-up is refused instead of silently returning noise.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EmbeddingSpace:
    """Name, fingerprint (hash of anchor and checkpoint) and dimension of a space."""

    name: str
    fingerprint: str
    dim: int

    def __str__(self) -> str:
        return f"{self.name} ({self.dim}-d, {self.fingerprint[:12]})"
