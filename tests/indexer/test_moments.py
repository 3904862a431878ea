"""The segments of one content, however its run lies among the others; and the moments chosen from them."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from indexer.moments import best_moments
from indexer.store import open_store
from tests.indexer.test_store import AXES, SPACE, clip, content, fill


@pytest.mark.parametrize("lengths", [(1, 1, 1), (40, 3, 200), (3, 700, 5), (64, 65, 1), (1, 33, 31)])
def test_a_run_of_segments_is_found_whole_wherever_it_lies(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    made = []
    for number, length in enumerate(lengths):
        vectors = random.normal(size=(length, SPACE.dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        made.append((clip(f"{number}.wav"), content(*vectors)))
    fill(tmp_path, *made)
    with open_store(tmp_path, space=SPACE) as store:
        snapshot = store.snapshot()
        edges = np.cumsum([0, *lengths])
        for first, end in itertools.pairwise(edges):
            for place in {int(first), int((first + end - 1) // 2), int(end - 1)}:
                segment_id = int(snapshot.base.ids[place])
                of_base, of_added = snapshot.of_same_contents([segment_id, 10**9], most=10_000)
                assert of_base.rows_of == {segment_id: range(first, end)}
                assert of_base.part is snapshot.base.segments
                assert not of_added.rows_of


@pytest.mark.parametrize("many", [500, 1])
def test_moments_do_not_overlap_and_the_best_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr("indexer.moments._MANY", many)
    # A second apart and five long, as ``content`` makes them: only every fifth stands beside the best.
    scores = [0.1, 0.9, 0.8, 0.2, 0.3, 0.4, 0.6, 0.5]
    vectors = [s * AXES[0] + np.sqrt(1 - s * s) * AXES[1] for s in scores]
    fill(tmp_path, (clip("a.wav"), content(*(vector.astype(np.float32) for vector in vectors))))
    with open_store(tmp_path, space=SPACE) as store:
        snapshot = store.snapshot()
        (moments,) = best_moments(snapshot, AXES[0], [int(snapshot.base.ids[1])], most=3).values()
    assert [(moment.start_s, round(moment.score, 3)) for moment in moments] == [(1.0, 0.9), (6.0, 0.6)]
