"""The interface of an audio encoder: waveform to anchor space.

Any module with these facts can be trained by ``training`` and served; nothing else of it is known outside.
"""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn


class AudioEncoder(nn.Module, ABC):
    """Waveforms to vectors of the anchor's space.

    Declared facts: ``embed_dim`` (D), ``sample_rate_hz`` of the waveforms it takes, and ``config``, the frozen
    dataclass of its sizes that ``model.audio_encoders`` writes into ``config.json``.
    """

    config: Any
    embed_dim: int
    sample_rate_hz: int

    @abstractmethod
    def forward(self, waveforms: Tensor) -> Tensor:
        """Embed float32 mono waveforms in [-1, 1], shape (N, samples), to (N, D); not yet normalised."""
