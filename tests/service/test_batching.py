"""What arrives together is embedded together, each text once, and a flood is refused instead of piling up."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from service.batching import TextBatcher, Vector
from service.errors import OverloadedError

DEADLINE_S = 60


class Tower:
    """A text tower that can be held, so that questions gather behind it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_go = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(list(texts))
        await self.may_go.wait()
        if "bad" in texts:
            raise ValueError("no vector for that")
        return np.array([[len(text), hash(text) % 97] for text in texts], np.float32)


Scene = Callable[[Tower, Callable[..., TextBatcher]], Awaitable[None]]


def played(scene: Scene) -> None:
    """Play a scene in an event loop, with a tower and what makes batchers of it."""

    async def play() -> None:
        tower = Tower()

        def held(**limits: int) -> TextBatcher:
            return TextBatcher(tower.embed, **limits)

        await asyncio.wait_for(scene(tower, held), DEADLINE_S)

    asyncio.run(play())


async def asked(batcher: TextBatcher, *texts: str) -> list[asyncio.Task[Vector]]:
    """Texts that were asked for, one after the other, and stand in the queue or in a batch."""
    tasks = [asyncio.create_task(batcher.embed(text)) for text in texts]
    await asyncio.sleep(0)  # they ask
    await asyncio.sleep(0)  # the first batch is taken, unless one is under way
    return tasks


def test_what_gathers_behind_a_batch_is_the_next_one_each_text_once() -> None:
    async def scene(tower: Tower, batcher_of: Callable[..., TextBatcher]) -> None:
        batcher = batcher_of()
        await asked(batcher, "first")
        tasks = await asked(batcher, "a", "bb", "a", "ccc")
        assert batcher.waiting == 4
        tower.may_go.set()
        vectors = await asyncio.gather(*tasks)
        assert [int(vector[0]) for vector in vectors] == [1, 2, 1, 3]
        assert tower.batches == [["first"], ["a", "bb", "ccc"]]
        await batcher.embed("bb")
        assert len(tower.batches) == 2, "it is remembered"

    played(scene)


def test_a_batch_has_a_most_and_the_oldest_memory_goes_first() -> None:
    async def scene(tower: Tower, batcher_of: Callable[..., TextBatcher]) -> None:
        batcher = batcher_of(most_together=2, most_remembered=2)
        await asked(batcher, "first")
        tasks = await asked(batcher, "a", "b", "c")
        tower.may_go.set()
        await asyncio.gather(*tasks)
        for text in ("b", "d", "b", "c"):
            await batcher.embed(text)
        assert tower.batches == [["first"], ["a", "b"], ["c"], ["d"], ["c"]]

    played(scene)


def test_beyond_the_queue_a_question_is_refused_with_when_to_come_back() -> None:
    async def scene(tower: Tower, batcher_of: Callable[..., TextBatcher]) -> None:
        batcher = batcher_of(most_waiting=2)
        await asked(batcher, "first")
        kept = await asked(batcher, "a", "b")
        with pytest.raises(OverloadedError) as refused:
            await batcher.embed("c")
        assert refused.value.retry_after_s > 0
        tower.may_go.set()
        assert [int(vector[0]) for vector in await asyncio.gather(*kept)] == [1, 1]
        assert (await batcher.embed("cc"))[0] == 2

    played(scene)


def test_closing_finishes_what_was_accepted_and_takes_nothing_more() -> None:
    async def scene(tower: Tower, batcher_of: Callable[..., TextBatcher]) -> None:
        batcher = batcher_of(most_together=1)
        tasks = await asked(batcher, "first", "a", "b", "c")
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="shutting down"):
            await batcher.embed("d")
        assert not closing.done()
        tower.may_go.set()
        await closing
        assert [int(vector[0]) for vector in await asyncio.gather(*tasks)] == [5, 1, 1, 1]

    played(scene)


def test_an_error_reaches_those_who_asked_and_the_next_are_answered() -> None:
    async def scene(tower: Tower, batcher_of: Callable[..., TextBatcher]) -> None:
        batcher = batcher_of()
        tower.may_go.set()
        with pytest.raises(ValueError, match="no vector"):
            await batcher.embed("bad")
        assert (await batcher.embed("good"))[0] == 4

    played(scene)


def test_who_has_gone_away_is_not_embedded() -> None:
    async def scene(tower: Tower, batcher_of: Callable[..., TextBatcher]) -> None:
        batcher = batcher_of()
        first, gone, last = await asked(batcher, "first", "gone", "last")
        assert tower.batches == [["first", "gone", "last"]]
        more_gone, more = await asked(batcher, "more gone", "more")
        gone.cancel()
        more_gone.cancel()
        await asyncio.sleep(0)
        tower.may_go.set()
        assert [int((await task)[0]) for task in (first, last, more)] == [5, 4, 4]
        assert tower.batches[1:] == [["more"]]

    played(scene)


def test_a_text_is_sent_before_anything_else_is_done_for_it() -> None:
    async def scene(tower: Tower, batcher_of: Callable[..., TextBatcher]) -> None:
        batcher = batcher_of()
        coming = batcher.submit("a")
        assert tower.batches == []
        await asyncio.sleep(0)
        assert tower.batches == [["a"]], (
            "whoever waits for one turn of the loop can work while it is embedded"
        )
        assert not coming.done()
        tower.may_go.set()
        assert (await coming)[0] == 1
        assert batcher.submit("a").done(), "held"

    played(scene)
