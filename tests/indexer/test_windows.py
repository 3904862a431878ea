"""Windows cover a clip wholly, in order, wherever its blocks happen to be split."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.windows import Window, cut_windows


def windows_of(total: int, *, window: int, hop: int, block: int = 7) -> list[Window]:
    samples = np.arange(1, total + 1, dtype=np.float32)
    blocks = (samples[start : start + block] for start in range(0, total, block))
    return list(cut_windows(blocks, window=window, hop=hop))


def spans(windows: list[Window]) -> list[tuple[int, int]]:
    return [(window.start, window.end) for window in windows]


def test_a_clip_of_one_window_has_one() -> None:
    assert spans(windows_of(10, window=10, hop=5)) == [(0, 10)]


def test_a_short_clip_is_padded_and_keeps_its_true_end() -> None:
    (only,) = windows_of(3, window=10, hop=5)
    assert (only.start, only.end) == (0, 3)
    np.testing.assert_array_equal(only.samples, [1, 2, 3, 0, 0, 0, 0, 0, 0, 0])


def test_the_last_window_is_moved_back_to_the_end() -> None:
    assert spans(windows_of(22, window=10, hop=5)) == [(0, 10), (5, 15), (10, 20), (12, 22)]


def test_no_samples_give_no_windows() -> None:
    assert windows_of(0, window=10, hop=5) == []


def test_a_hop_beyond_the_window_leaves_gaps_but_reaches_the_end() -> None:
    assert spans(windows_of(41, window=5, hop=15)) == [(0, 5), (15, 20), (30, 35), (36, 41)]


@settings(max_examples=200, deadline=None)
@given(
    total=st.integers(1, 300), window=st.integers(1, 40), hop=st.integers(1, 60), block=st.integers(1, 120)
)
def test_windows_hold_the_samples_they_name_and_cover_the_clip(
    total: int, window: int, hop: int, block: int
) -> None:
    windows = windows_of(total, window=window, hop=hop, block=block)
    assert windows == sorted(windows, key=lambda item: item.start)
    assert windows[0].start == 0
    assert windows[-1].end == total
    for item in windows:
        assert len(item.samples) == window
        # Sample number i has the value i + 1, so a window's content proves where it was taken.
        np.testing.assert_array_equal(
            item.samples[: item.end - item.start], np.arange(item.start + 1, item.end + 1)
        )
    if hop <= window:
        covered = {position for item in windows for position in range(item.start, item.end)}
        assert covered == set(range(total))
