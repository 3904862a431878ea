"""Weights in eight bits and memories in four: they come back nearly as they were, and the same when stored again."""

import torch
from torch.nn import functional as F

from model.quantised import SCALE_SUFFIX, pack, unpack

ROW_SIZES = torch.logspace(-3, 1, 8)[:, None, None, None]
WEIGHTS = {
    "convolution": ROW_SIZES * torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0)),
    "bias": torch.tensor([0.1, -2.0, 3e-5]),
    "table": torch.arange(-4, 4, dtype=torch.int8).view(2, 4),
    "dead": torch.zeros(2, 5),
}
MEMORY = {"text.lexicon.table": torch.randn(300, 64, generator=torch.Generator().manual_seed(1))}


def test_rows_of_any_size_come_back_to_within_half_a_step() -> None:
    restored = unpack(pack(WEIGHTS))
    for key in ("convolution", "dead"):
        step = WEIGHTS[key].flatten(1).abs().amax(1) / 127
        error = (restored[key] - WEIGHTS[key]).flatten(1).abs().amax(1)
        assert (error <= 0.55 * step + 1e-6).all()


def test_integers_and_short_tensors_are_not_put_in_eight_bits() -> None:
    packed = pack(WEIGHTS)
    assert packed["bias"].dtype == torch.float16
    assert "table" + SCALE_SUFFIX not in packed
    assert torch.equal(unpack(packed)["table"], WEIGHTS["table"])


def test_storing_what_was_stored_changes_nothing() -> None:
    once = unpack(pack(WEIGHTS))
    twice = unpack(pack(once))
    assert once.keys() == twice.keys() == WEIGHTS.keys()
    assert all(torch.equal(once[key], twice[key]) for key in once)


def test_a_memory_takes_half_a_byte_a_value_and_its_rows_keep_their_direction() -> None:
    packed = pack(MEMORY)
    (stored,) = (tensor for key, tensor in packed.items() if not key.endswith(SCALE_SUFFIX))
    assert stored.numel() * stored.element_size() == 300 * 64 / 2
    restored, original = unpack(packed)["text.lexicon.table"], MEMORY["text.lexicon.table"]
    assert F.cosine_similarity(restored, original).min() > 0.98
    summed = [rows.view(30, 10, 64).sum(1) for rows in (restored, original)]
    assert F.cosine_similarity(*summed).min() > 0.98


def test_storing_a_stored_memory_changes_nothing() -> None:
    once = unpack(pack(MEMORY))
    assert torch.equal(unpack(pack(once))["text.lexicon.table"], once["text.lexicon.table"])
