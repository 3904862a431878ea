"""What arrives together is embedded together, each text once, and a flood is refused instead of piling up."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from service.batching import TextBatcher
from service.errors import OverloadedError

DEADLINE_S = 60


class Tower:
    """A text tower that can be held, so that questions gather behind it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_go = threading.Event()
        self.has_begun = threading.Event()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(list(texts))
        self.has_begun.set()
        assert self.may_go.wait(DEADLINE_S)
        if "bad" in texts:
            raise ValueError("no vector for that")
        return np.array([[len(text), hash(text) % 97] for text in texts], np.float32)


@pytest.fixture
def tower() -> Tower:
    return Tower()


def held(tower: Tower, **limits: int) -> TextBatcher:
    """A batcher whose first batch, of one text, is under way."""
    batcher = TextBatcher(tower.embed, **limits)
    batcher.submit("first")
    assert tower.has_begun.wait(DEADLINE_S)
    return batcher


def test_what_gathers_behind_a_batch_is_the_next_one_each_text_once(tower: Tower) -> None:
    batcher = held(tower)
    futures = [batcher.submit(text) for text in ("a", "bb", "a", "ccc")]
    assert batcher.waiting == 4
    tower.may_go.set()
    vectors = [future.result(DEADLINE_S) for future in futures]
    assert [int(vector[0]) for vector in vectors] == [1, 2, 1, 3]
    assert tower.batches == [["first"], ["a", "bb", "ccc"]]
    assert batcher.submit("bb").done(), "it is remembered"
    batcher.close()
    assert len(tower.batches) == 2


def test_a_batch_has_a_most_and_the_oldest_memory_goes_first(tower: Tower) -> None:
    batcher = held(tower, most_together=2, most_remembered=2)
    futures = [batcher.submit(text) for text in ("a", "b", "c")]
    tower.may_go.set()
    for future in futures:
        future.result(DEADLINE_S)
    batcher.submit("b").result(DEADLINE_S)
    batcher.submit("d").result(DEADLINE_S)
    assert batcher.submit("b").done()
    batcher.submit("c").result(DEADLINE_S)
    batcher.close()
    assert tower.batches == [["first"], ["a", "b"], ["c"], ["d"], ["c"]]


def test_beyond_the_queue_a_question_is_refused_with_when_to_come_back(tower: Tower) -> None:
    batcher = held(tower, most_waiting=2)
    kept = [batcher.submit("a"), batcher.submit("b")]
    with pytest.raises(OverloadedError) as refused:
        batcher.submit("c")
    assert refused.value.retry_after_s > 0
    tower.may_go.set()
    assert all(future.result(DEADLINE_S) is not None for future in kept)
    batcher.submit("c").result(DEADLINE_S)
    batcher.close()


def test_closing_finishes_what_was_accepted_and_takes_nothing_more(tower: Tower) -> None:
    batcher = held(tower, most_together=1)
    futures = [batcher.submit(text) for text in "abc"]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    tower.may_go.set()
    closing.join(DEADLINE_S)
    assert [int(future.result(0)[0]) for future in futures] == [1, 1, 1]
    with pytest.raises(OverloadedError, match="shutting down"):
        batcher.submit("d")


def test_an_error_reaches_those_who_asked_and_the_next_are_answered(tower: Tower) -> None:
    batcher = held(tower)
    tower.may_go.set()
    with pytest.raises(ValueError, match="no vector"):
        batcher.submit("bad").result(DEADLINE_S)
    assert batcher.submit("good").result(DEADLINE_S)[0] == 4
    batcher.close()


def test_who_has_gone_away_is_not_embedded(tower: Tower) -> None:
    batcher = held(tower)
    assert batcher.submit("gone").cancel()
    last = batcher.submit("last")
    tower.may_go.set()
    last.result(DEADLINE_S)
    batcher.close()
    assert tower.batches == [["first"], ["last"]]
