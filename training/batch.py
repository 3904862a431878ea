"""What the trainer is fed: a batch, and the part of it that one of several processes hears."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Share:
    """The part of every batch that one process decodes: the ``index``-th of ``count`` equal ones."""

    index: int
    count: int


WHOLE = Share(0, 1)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One step's clips.

    ``waveforms`` (n, samples) are those of a process's own share, ``captions`` (N, K, D) unit vectors of all N clips of
    the batch, K a clip, and ``targets`` (N, M), if any, each clip's right answers over the M texts of the bank.
    """

    waveforms: Tensor
    captions: Tensor
    targets: Tensor | None = None
