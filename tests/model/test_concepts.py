"""Concepts: what lies near one is drawn to it, what lies on one stays, and an empty memory moves nothing."""

import torch
from torch.nn import functional as F

from model.concepts import Concepts


def concepts_with(entries: torch.Tensor) -> Concepts:
    concepts = Concepts(*entries.shape)
    concepts.entries.copy_(entries)
    return concepts


def test_a_word_near_a_concept_comes_nearer_and_stays_a_unit_vector() -> None:
    entries = torch.eye(16)[:8]
    word = F.normalize(entries[3] + 0.8 * torch.eye(16)[12], dim=0)[None]
    moved = concepts_with(entries)(word)
    assert moved[0] @ entries[3] > word[0] @ entries[3] + 0.05
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(1))


def test_a_concept_stays_where_it_is() -> None:
    entries = torch.eye(16)[:8]
    torch.testing.assert_close(concepts_with(entries)(entries), entries, atol=1e-5, rtol=0)


def test_no_concepts_move_nothing() -> None:
    vectors = F.normalize(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    torch.testing.assert_close(Concepts(0, 16)(vectors), vectors)
