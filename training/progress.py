"""Where a recipe reports to, so that it knows nothing of terminals."""

from collections.abc import Callable
from dataclasses import dataclass

from training.trainer import EpochReport


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Stages, batches (clips done, loss), and epochs."""

    on_stage: Callable[[str], None]
    on_batch: Callable[[int, float], None]
    on_epoch: Callable[[EpochReport], None]
