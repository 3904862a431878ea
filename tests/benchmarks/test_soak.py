"""The soak runs for real, kills for real, and its checks can fail."""

import random
from pathlib import Path

import pytest

from benchmarks.soak import soak
from tests.indexer.sounds import write_tone


@pytest.mark.slow
def test_a_short_soak_loses_nothing(tmp_path: Path) -> None:
    chance = random.Random(0)
    for number in range(60):
        write_tone(tmp_path / f"{number}.wav", seconds=chance.uniform(4, 5), hz=100 + 37 * number)
    seen = soak(tmp_path, seconds=40, pauses_s=(1, 3))
    assert seen["wrong"] == []
    assert seen["jobs"] > 2
    assert seen["done"]["jobs done"] == seen["jobs"]
    assert min(seen["done"][load] for load in ("by_words", "by_sounds", "by_pages")) >= 1
    assert min(seen["killed"][program] for program in ("worker", "service.embedding_child")) >= 1
