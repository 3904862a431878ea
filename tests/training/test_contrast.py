"""The paper's contrastive loss and each practice beside it, at points where the right answer is known."""

import math

import torch
from torch import Tensor

from training.batch import Batch
from training.contrast import Contrast, ContrastiveObjective

AXES = torch.eye(4)
NO_WAVES = torch.empty(0)


def loss(contrast: Contrast, audio: Tensor, captions_nkd: Tensor, bank: Tensor = AXES) -> float:
    """The loss at an inverse temperature of 50."""
    objective = ContrastiveObjective(contrast, bank)
    with torch.no_grad():
        objective.log_scale.fill_(math.log(50))
        return objective(audio, Batch(waveforms=NO_WAVES, captions=captions_nkd)).item()


def unit(*rows: tuple[float, ...]) -> Tensor:
    return torch.nn.functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=-1)


def test_as_the_paper_has_it_every_other_caption_is_wrong() -> None:
    # clip 0 guesses between two alike (log 2); clip 1 fits neither (log 2); each text prefers clip 0 (0 and 50)
    found = loss(Contrast(), AXES[:2], AXES[[0, 0]][:, None])
    assert abs(found - 0.5 * (math.log(2) + 25)) < 1e-3
    assert loss(Contrast(), AXES, AXES[:, None]) < 1e-4


def test_the_bank_is_only_asked_where_it_is_wanted() -> None:
    audio, captions = (
        AXES[[1, 2]],
        AXES[:2, None],
    )  # clip 1 sounds like axis 2, which no caption of the batch says
    plain = loss(Contrast(), audio, captions)
    against_bank = loss(Contrast(bank_negatives=True), audio, captions)
    assert against_bank > plain + 10


def test_a_clips_own_captions_in_the_bank_are_no_negatives_of_it() -> None:
    assert loss(Contrast(bank_negatives=True), AXES, AXES[:, None]) < 1e-4


def test_what_means_nearly_the_same_is_masked_in_batch_and_bank() -> None:
    captions = unit((1, 0, 0), (1, 0.3, 0))  # cosine .96
    audio, bank = captions.flip(0), unit((1, 0.2, 0), (0, 0, 1))
    masked = Contrast(bank_negatives=True, mask_false_negatives=True)
    assert loss(masked, audio, captions[:, None], bank) < 1e-4
    assert loss(Contrast(bank_negatives=True), audio, captions[:, None], bank) > 1


def test_several_captions_of_a_clip_are_right_at_once() -> None:
    captions = torch.stack([AXES[[0, 1]], AXES[[2, 3]]])  # (2 clips, 2 captions, 4)
    between = unit((1, 1, 0, 0), (0, 0, 1, 1))
    two = Contrast(captions_per_clip=2)
    # each of a clip's two captions has half of it; each caption finds its clip
    assert abs(loss(two, between, captions) - 0.5 * math.log(2)) < 1e-3
    assert loss(two, between.flip(0), captions) > 10


def test_soft_targets_want_a_clip_towards_what_its_caption_is_like() -> None:
    captions = unit((1, 0, 0), (0.8, 0.6, 0), (0, 0, 1))[:, None]
    own = captions[:, 0]
    leaning = unit((1, 0.1, 0), (0.8, 0.6, 0), (0, 0, 1))
    away = unit((1, 0, 0.1), (0.8, 0.6, 0), (0, 0, 1))
    soft, bank = Contrast(soft_targets=True), torch.eye(3)
    assert loss(soft, leaning, captions, bank) < loss(soft, away, captions, bank)
    # with soft targets, being certain of the own caption alone is not the best there is
    assert loss(soft, own, captions, bank) > loss(Contrast(), own, captions, bank)


def test_by_sigmoid_each_pair_is_right_or_wrong_by_itself() -> None:
    objective = ContrastiveObjective(Contrast(sigmoid=True), AXES)
    assert {name for name, _ in objective.named_parameters()} == {"log_scale", "bias"}
    sigmoid = Contrast(sigmoid=True)
    assert loss(sigmoid, AXES, AXES[:, None]) < 1e-3  # 50 - 10 for the own, -10 for each other
    wrong = loss(sigmoid, AXES.roll(1, 0), AXES[:, None])
    assert abs(wrong - (40 + 10)) < 1e-2  # a wrong caption at 40, and the right one missed at -10


def test_by_sigmoid_soft_targets_want_what_the_caption_is_like_and_the_bank_does_not_drown_them() -> None:
    captions = unit((1, 0, 0), (0.8, 0.6, 0), (0, 0, 1))[:, None]
    own = captions[:, 0]
    soft = Contrast(sigmoid=True, soft_targets=True)
    away = unit((1, 0, 0), (0.6, 0.8, 0), (0, 0, 1))
    hard = Contrast(sigmoid=True)
    # a clip further from the other's caption is no better by likeness, and is by right and wrong alone
    assert loss(soft, away, captions, own) - loss(soft, own, captions, own) > (
        loss(hard, away, captions, own) - loss(hard, own, captions, own)
    )
    bank = unit((1, 1, 1, 0)).repeat(20_000, 1)  # each a little like every caption
    objective = ContrastiveObjective(Contrast(sigmoid=True, soft_targets=True, bank_negatives=True), bank)
    nowhere = AXES[[3, 3, 3]]
    start = objective(nowhere, Batch(waveforms=NO_WAVES, captions=AXES[:3, None]))
    # 10 for the own caption, 3 for those that it is like, and next to nothing for each other text
    assert abs(start - (10 + 3 + 20_000 * math.exp(-10))) < 0.1


def test_every_practice_together_gives_gradients_to_all_it_learns() -> None:
    contrast = Contrast(
        bank_negatives=True, mask_false_negatives=True, soft_targets=True, sigmoid=True, captions_per_clip=2
    )
    objective = ContrastiveObjective(contrast, AXES)
    audio = unit((1, 1, 0, 0), (0, 1, 1, 0)).requires_grad_()
    captions = torch.stack([AXES[[0, 1]], AXES[[2, 3]]])
    objective(audio, Batch(waveforms=NO_WAVES, captions=captions)).backward()
    assert all(parameter.grad is not None and parameter.grad != 0 for parameter in objective.parameters())
    assert audio.grad is not None
    assert (audio.grad != 0).any(1).all()
