"""Power spectra of waveforms in numpy, as torch.stft has them: what goes into an exported audio encoder. No torch."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from model.onnx_directory import Spectra


class PowerSpectra:
    """Waveforms (N, samples) to power spectra (N, 1 + samples // hop_size, fft_size // 2 + 1), float32.

    Frames are centred: the ends are mirrored, and Hann's window stands in the middle of each frame.
    """

    def __init__(self, sizes: Spectra) -> None:
        self._sizes = sizes
        before = (sizes.fft_size - sizes.window_size) // 2
        turns = np.arange(sizes.window_size) / sizes.window_size
        taper = 0.5 - 0.5 * np.cos(2 * np.pi * turns)  # periodic, as torch.hann_window
        after = sizes.fft_size - sizes.window_size - before
        self._taper = np.pad(taper, (before, after)).astype(np.float32)

    def __call__(self, waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        half = self._sizes.fft_size // 2
        mirrored = np.pad(waveforms, ((0, 0), (half, half)), mode="reflect")
        frames = sliding_window_view(mirrored, self._sizes.fft_size, axis=1)[:, :: self._sizes.hop_size]
        spectra = np.fft.rfft(frames * self._taper)
        return (spectra.real**2 + spectra.imag**2).astype(np.float32, copy=False)
