"""What a training step is given, and which part of a batch each of several processes takes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Waveforms, (n, samples), of one process's share, and captions, (N, K, D), of the whole batch: K a clip.

    ``targets``, (N, M), is the share that each text of the bank has in what is right for a clip; where there are none,
    the captions alone are right.
    """

    waveforms: Tensor
    captions: Tensor
    targets: Tensor | None = None

    def to(self, device: str) -> "Batch":
        """Return the batch with its captions and targets on a device; waveforms stay where they are."""
        targets = None if self.targets is None else self.targets.to(device)
        return replace(self, captions=self.captions.to(device), targets=targets)


@dataclass(frozen=True)
class Share:
    """One of ``count`` processes that train together; ``index`` counts from 0."""

    index: int
    count: int

    def of(self, size: int) -> slice:
        """Return which rows of ``size`` are this process's; together the shares are all of them, in order."""
        return slice(size * self.index // self.count, size * (self.index + 1) // self.count)


WHOLE = Share(0, 1)


class TrainingData(Protocol):
    """Where batches come from.

    ``batch_size`` (clips, over all processes), ``steps`` (batches in an epoch), ``clips`` (that are drawn from), and
    ``bank``: unit vectors, (M, D), of the texts that every clip may be compared to.
    """

    batch_size: int
    steps: int
    clips: int
    bank: Tensor

    def batches(self, epoch: int, share: Share = WHOLE, *, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number ``first`` on, the same whenever it is asked for."""
        ...
