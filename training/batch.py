"""What a training step is given, and which part of a batch each of several processes takes."""

from collections.abc import Callable, Iterator
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
        """Return the batch on a device; a GPU copies what is pinned while it computes."""
        return self._each(lambda values: values.to(device, non_blocking=True))

    def pinned(self) -> "Batch":
        """Return the batch in memory that a GPU can copy from by itself."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        targets = None if self.targets is None else change(self.targets)
        return replace(
            self, waveforms=change(self.waveforms), captions=change(self.captions), targets=targets
        )


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
