"""Spectra in numpy against torch's, which the audio encoder was trained with."""

import numpy as np
import torch

from model.onnx_directory import Spectra
from model.power_spectra import PowerSpectra


def test_spectra_are_those_of_torch() -> None:
    waves = np.random.default_rng(0).standard_normal((3, 16_001)).astype(np.float32)
    waves[1, 4_000:] = 0
    sizes = Spectra(window_size=800, hop_size=320, fft_size=1024)
    ours = PowerSpectra(sizes)(waves)
    theirs = torch.stft(torch.from_numpy(waves), 1024, 320, 800, torch.hann_window(800), return_complex=True)
    expected = theirs.abs().square().transpose(1, 2).numpy()
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, atol=1e-6 * expected.max())
