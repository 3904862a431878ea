"""The contrastive losses at points where their value is known."""

import torch

from training.loss import bank_loss, in_batch_loss, nearly_right

AXES = torch.eye(4)
SCALE = torch.tensor(50.0)


def test_perfect_alignment_costs_nothing_and_shuffled_alignment_much() -> None:
    assert bank_loss(AXES, AXES, torch.eye(4), SCALE) < 1e-4
    assert bank_loss(AXES.roll(1, 0), AXES, torch.eye(4), SCALE) > 40
    assert in_batch_loss(AXES, AXES, SCALE) < 1e-4
    assert in_batch_loss(AXES.roll(1, 0), AXES, SCALE) > 40


def test_a_text_that_means_the_same_is_no_negative() -> None:
    texts = torch.nn.functional.normalize(torch.tensor([[1.0, 0, 0], [1.0, 0.1, 0], [0, 0, 1.0]]), dim=1)
    targets = torch.tensor([[1.0, 0, 0]])
    assert nearly_right(texts, targets).tolist() == [[False, True, False]]
    assert bank_loss(texts[:1], texts, targets, SCALE) < 1e-4


def test_clips_with_the_same_caption_are_answers_of_each_other() -> None:
    audio = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [1.0, 0.01]]), dim=1)
    captions = torch.tensor([[1.0, 0], [1.0, 0]])
    # log 2 is the least for two equally right answers, and for telling one of two alike
    assert in_batch_loss(audio, captions, SCALE) < 0.7
