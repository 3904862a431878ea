"""The batched filter bank against Kaldi's as torchaudio has it, one waveform at a time."""

import pytest
import torch
from torchaudio.compliance import kaldi

from model.kaldi import FULL_SCALE, HANN, KaldiFilterBank

RATE_HZ, BINS = 16_000, 128


def noises(samples: int) -> torch.Tensor:
    """Return a loud noise, a faint one off centre, and silence, (3, samples)."""
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(samples))
    return torch.stack([0.3 * noise, 1e-4 * noise + 0.2, torch.zeros(samples)])


@pytest.mark.parametrize("samples", [400, 559, 560, 16_000, 40_123])
def test_it_agrees_with_kaldi(samples: int) -> None:
    bank = KaldiFilterBank(sample_rate_hz=RATE_HZ, bins=BINS)
    waveforms = noises(samples)
    ours = bank(waveforms)
    theirs = torch.stack(
        [
            kaldi.fbank(wave[None] * FULL_SCALE, num_mel_bins=BINS, sample_frequency=RATE_HZ)
            for wave in waveforms
        ]
    )
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 1e-4


def test_with_another_window_and_scale_it_agrees_too() -> None:
    bank = KaldiFilterBank(sample_rate_hz=RATE_HZ, bins=BINS, full_scale=1.0, taper_power=HANN)
    waveforms = noises(RATE_HZ)
    theirs = torch.stack(
        [
            kaldi.fbank(wave[None], num_mel_bins=BINS, sample_frequency=RATE_HZ, window_type="hanning")
            for wave in waveforms
        ]
    )
    assert (bank(waveforms) - theirs).abs().max() < 1e-4


def test_mixed_precision_does_not_reach_it() -> None:
    bank = KaldiFilterBank(sample_rate_hz=RATE_HZ, bins=BINS)
    waveforms = noises(RATE_HZ)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = bank(waveforms.bfloat16().float())
    torch.testing.assert_close(mixed, bank(waveforms.bfloat16().float()), atol=0, rtol=0)
