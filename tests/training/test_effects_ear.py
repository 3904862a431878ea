"""Aligning the effects ear: cuts are heard once and the same, and its map learns to name what is heard."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.compact_audio_encoder import EffectsEar
from model.effects_network import SAMPLE_RATE_HZ
from training.captions import ClipText
from training.dataset import AlignmentData, DrawChoices
from training.effects_ear import EffectsEarConfig, HeardCuts, align_effects_ear, hear_cuts
from training.errors import DivergedError
from training.recipes import EFFECTS_PREFIX, shipped

NAMES = ("hiss", "tone")


class NameVectors:
    """One direction for each name: what a frozen anchor gives."""

    def add(self, texts: list[str]) -> None:
        pass

    def rows(self, texts: list[str]) -> NDArray[np.float32]:
        return np.stack([np.eye(8, dtype=np.float32)[int("tone" in text)] for text in texts])


@pytest.fixture(scope="module")
def data() -> AlignmentData:
    rng = np.random.default_rng(0)
    seconds = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    clips = []
    for row in range(6):
        tone = np.sin(2 * np.pi * 300 * (1 + row) * seconds)
        clips.append((8_000 * (tone if row % 2 else rng.standard_normal(len(seconds)))).astype(np.int16))
    clips[-1] = clips[-1][: SAMPLE_RATE_HZ // 2]
    texts = [ClipText(captions=(NAMES[row % 2],), tags=(), tag_weights=()) for row in range(6)]
    choices = DrawChoices(batch_size=4, mixture_share=0.0, machine_share=0.0, lengths_s=(2.0,))
    return AlignmentData(
        clips,
        texts,
        NameVectors(),  # pyright: ignore[reportArgumentType]
        sample_rate_hz=SAMPLE_RATE_HZ,
        choices=choices,
        mixtures=0,
        seed=0,
    )


def ear() -> EffectsEar:
    torch.manual_seed(0)
    subject = EffectsEar(8)
    subject.network.load_state_dict(shipped(EFFECTS_PREFIX))
    return subject


def heard_by(subject: EffectsEar, data: AlignmentData, folder: Path) -> tuple[HeardCuts, int]:
    """Return what was heard, and for how many clips the network had to listen."""
    clips: list[int] = []
    cuts = hear_cuts(subject.network, data.waveforms, folder, seed=0, on_clip=clips.append)
    return cuts, len(clips)


def test_cuts_are_heard_once_and_a_second_run_hears_the_same(data: AlignmentData, tmp_path: Path) -> None:
    first, listened = heard_by(ear(), data, tmp_path)
    again, listened_again = heard_by(ear(), data, tmp_path)
    assert first.clips.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5]  # the last is short
    assert first.features.shape == (16, 512)
    assert (listened, listened_again) == (6, 0)
    assert torch.equal(first.features, again.features)
    assert torch.equal(first.clips, again.clips)
    other = EffectsEar(8)  # other weights hear something else
    assert heard_by(other, data, tmp_path)[1] == 6


def test_the_map_learns_to_name_what_is_heard(data: AlignmentData, tmp_path: Path) -> None:
    subject = ear()
    cuts, _ = heard_by(subject, data, tmp_path)
    losses: list[float] = []
    config = EffectsEarConfig(steps=120, batch_size=16, lr=1e-2)
    align_effects_ear(subject, cuts, data, config, on_step=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    with torch.no_grad():
        named = subject.project(cuts.features) @ data.bank.T
    assert torch.equal(named.argmax(1), data.targets[cuts.clips].argmax(1))


def test_a_loss_that_is_no_number_is_an_error(data: AlignmentData, tmp_path: Path) -> None:
    nothing = HeardCuts(torch.full((6, 512), float("nan")), torch.arange(6))
    with pytest.raises(DivergedError, match="effects ear"):
        align_effects_ear(ear(), nothing, data, EffectsEarConfig(steps=2), on_step=lambda *_: None)
