"""SpecAugment blanks the places that it draws clip by clip, however it blanks them."""

import random

import torch
from torch import Tensor

from model.spec_augment import SpecAugment


def spelled_out(images: Tensor) -> Tensor:
    """Blank by hand: of each clip two bands of at most .15, then two stretches of at most .12."""
    images = images.clone()
    for image in images:
        for dim, share in ((1, 0.15), (1, 0.15), (2, 0.12), (2, 0.12)):
            length = image.shape[dim]
            width = random.randint(0, int(length * share))
            image.narrow(dim, random.randint(0, length - width), width).fill_(-1.0)
    return images


def test_it_blanks_what_it_draws_and_draws_clip_by_clip() -> None:
    images = torch.randn(5, 1, 40, 60)
    random.seed(7)
    expected, drawn_after = spelled_out(images), random.random()
    random.seed(7)
    found = SpecAugment(fill=-1.0).train()(images)
    assert found.equal(expected)
    assert (
        random.random() == drawn_after
    )  # else a resumed run would draw other dropouts than one that was not stopped
    assert not found.equal(images)


def test_what_is_heard_outside_training_is_whole() -> None:
    images = torch.randn(2, 1, 40, 60)
    assert SpecAugment(fill=0.0).eval()(images).equal(images)
