"""aisfx: a convolutional network that was trained on commercial sound-effects libraries, rebuilt for 16 kHz.

The weights (CC BY 4.0) are of Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects
Libraries", ISMIR 2022, https://github.com/alisonbma/aisfx; the layers are those of the DCASE cross-task baseline
(Kong et al. 2018, arXiv 1808.00773). They stay frozen: this network hears what our few training clips cannot teach.

The original reads 44.1 kHz. A window of the same length at 16 kHz gives the same picture below 8 kHz and silence above
it, as the original gives for a resampled recording, so nothing is resampled here.
"""

import pickle
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.errors import MissingPartError
from model.mel import MelEnergies

FEATURES = 512
CHANNELS = (64, 128, 256, FEATURES)
SAMPLE_RATE_HZ = 16_000
THEIR_RATE_HZ, THEIR_WINDOW, THEIR_HOP = 44_100, 2_048, 1_024
WINDOW_SIZE = round(THEIR_WINDOW * SAMPLE_RATE_HZ / THEIR_RATE_HZ)
HOP_SIZE = round(THEIR_HOP * SAMPLE_RATE_HZ / THEIR_RATE_HZ)
FFT_SIZE = 1_024
MEL_BINS = 96
# a band's energy grows with the window's length and with the number of FFT points in it
ENERGY_RATIO = THEIR_WINDOW**2 / (WINDOW_SIZE * FFT_SIZE)
GAIN, LARGEST = 10_000.0, 9.457798957824707  # the original's compression and scaling of a spectrogram
# what the checkpoint's table of data sets is pickled with, beside tensors
NUMPY_SCALAR = np.int64().__reduce__()[0]  # under its own name, and the one it had in older numpy
NUMPY_NUMBERS = [NUMPY_SCALAR, (NUMPY_SCALAR, "numpy.core.multiarray.scalar"), np.dtype, np.dtypes.Int64DType]
QUIETEST_PEAK = 1e-3  # windows that never exceed this are not raised to full scale


class EffectsLogMel(nn.Module):
    """Waveforms (N, samples) to spectrograms (N, 1, frames, MEL_BINS), each relative to its own peak."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = MelEnergies(
            sample_rate_hz=SAMPLE_RATE_HZ,
            window_size=WINDOW_SIZE,
            hop_size=HOP_SIZE,
            fft_size=FFT_SIZE,
            bins=MEL_BINS,
            low_hz=0.0,
            high_hz=THEIR_RATE_HZ / 2,
            mel_scale="htk",
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        waveforms = waveforms.float()
        peak = waveforms.abs().amax(1, keepdim=True).clamp(min=QUIETEST_PEAK)
        energies = self.mel(waveforms / peak) * ENERGY_RATIO
        return (torch.log10(energies * GAIN + 1) / LARGEST)[:, None]


class EffectsNetwork(nn.Module):
    """Waveforms (N, samples) at 16 kHz to features (N, 512); nothing in it is ever trained."""

    def __init__(self) -> None:
        super().__init__()
        self.log_mel = EffectsLogMel()
        blocks = zip((1, *CHANNELS), CHANNELS, strict=False)
        self.blocks = nn.ModuleList([_Block(before, after) for before, after in blocks])
        self.requires_grad_(False)
        self.eval()
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def train(self, mode: bool = True) -> "EffectsNetwork":
        """Stay as measured: batch normalisation must not follow the training batches."""
        return super().train(False)

    def forward(self, waveforms: Tensor) -> Tensor:
        maps = self.log_mel(waveforms).contiguous(memory_format=torch.channels_last)
        for block in self.blocks[:-1]:
            maps = F.max_pool2d(block(maps), 2)
        return self.blocks[-1](maps).mean(3).amax(2)


class _Block(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(maps))))))


def read_effects_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of aisfx's ``models/checkpoint.pth`` (PyPI ``aisfx`` 0.1.2) under this module's names.

    Raises MissingPartError if the file is not that checkpoint.
    """
    try:
        with torch.serialization.safe_globals(NUMPY_NUMBERS):
            theirs, _ = torch.load(path, map_location="cpu", weights_only=True)
        weights = {
            key.replace("embedding_net.conv_block", "blocks."): tensor
            for key, tensor in theirs.items()
            if key.startswith("embedding_net.")
        }
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError, pickle.UnpicklingError) as error:
        raise MissingPartError(f"{path} cannot be read as aisfx's checkpoint: {error}") from error
    ours = EffectsNetwork().state_dict()
    weights = {_one_less(key): tensor for key, tensor in weights.items()}
    if {key: t.shape for key, t in weights.items()} != {key: t.shape for key, t in ours.items()}:
        raise MissingPartError(f"{path} is not aisfx's checkpoint: its layers are not the expected ones")
    return weights


def _one_less(key: str) -> str:
    """Count blocks from zero: theirs are conv_block1 to conv_block4."""
    head, number, rest = key.split(".", 2)
    return f"{head}.{int(number) - 1}.{rest}"
