"""What the experiments measure on: a model, its clips embedded once, and what is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.retrieval_model import RetrievalModel
from training.evaluation import embed_clips
from training.manifest import ManifestEntry
from training.metrics import ClipVectors


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A model and the clips that it could read; ``entries`` are in the order of ``clips``."""

    model: RetrievalModel
    clips: ClipVectors
    entries: list[ManifestEntry]
    unreadable: list[dict[str, str]]

    def clip_notes(self) -> list[str]:
        """Say how many clips the figures are of, and which could not be read."""
        notes = [f"Clips: {len(self.entries)}."]
        if self.unreadable:
            first = self.unreadable[0]
            notes.append(
                f"Left out because they could not be read: {len(self.unreadable)}, the first of them "
                f"{first['audio']}: {first['reason']}"
            )
        return notes


def measure(
    model: RetrievalModel, entries: Sequence[ManifestEntry], *, on_progress: Callable[[int], None]
) -> Measured:
    """Embed the clips. Raises DataError if none can be read."""
    clips, used, unreadable = embed_clips(model, entries, on_progress=on_progress)
    return Measured(model=model, clips=clips, entries=used, unreadable=unreadable)
