"""Clips that are not there: only what is known of them counts."""

from collections.abc import Callable, Sequence
from pathlib import Path

from training.experiments.measured import Measured
from training.manifest import ManifestEntry

Heard = Callable[[Sequence[str], Sequence[ManifestEntry]], Measured]


def clip(
    name: str,
    *,
    label: str | None = None,
    captions: tuple[str, ...] = (),
    tags: tuple[tuple[str, float], ...] = (),
) -> ManifestEntry:
    return ManifestEntry(audio=Path(f"/{name}.wav"), label=label, captions=captions, tags=tags)
