"""Changes are held back until files rest; the clock is the test's own."""

import os
from pathlib import Path

import pytest

from indexer import settling
from indexer.settling import Changes, Settling


def test_a_file_is_due_when_it_was_left_alone_for_long_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"half")
    held = Settling(settle_s=2)
    held.add([path], now=10)
    assert held.due(now=11.9) is None
    path.write_bytes(b"whole file")  # Nobody told of it, as on a network disk.
    assert held.due(now=12.1) is None
    assert held.due(now=14.0) is None
    assert held.due(now=14.2) == Changes(paths=frozenset([path]))
    assert held.due(now=99) is None, "once"


def test_being_told_again_starts_the_wait_again(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    held = Settling(settle_s=2)
    held.add([path], now=10)
    held.add([path], now=11.5)
    assert held.due(now=12.5) is None
    assert held.due(now=13.5) == Changes(paths=frozenset([path]))


def test_what_is_gone_comes_to_rest_too_and_the_restless_are_named(tmp_path: Path) -> None:
    gone, busy = tmp_path / "gone.wav", tmp_path / "busy.wav"
    busy.write_bytes(b"x")
    held = Settling(settle_s=2)
    held.add([gone], now=10)
    held.add([busy], now=11.5)
    assert held.due(now=12) == Changes(paths=frozenset([gone]), restless=frozenset([busy]))
    os.replace(busy, gone)
    held.add([gone, busy], now=12)
    assert held.due(now=14) == Changes(paths=frozenset([gone, busy]))


def test_losing_track_asks_for_everything_but_what_is_being_written(tmp_path: Path) -> None:
    old, new = tmp_path / "old.wav", tmp_path / "new.wav"
    held = Settling(settle_s=2)
    held.add([old], now=10)
    held.add_anything(now=10)
    held.add([new], now=11)
    held.add_anything(now=11)
    assert held.due(now=12) == Changes(paths=None, restless=frozenset([new]))
    assert held.due(now=13) == Changes(paths=frozenset([new]))
    held.add([old], now=20)
    assert held.due(now=20.1, anything=True) == Changes(paths=None, restless=frozenset([old]))


def test_more_changes_than_can_be_held_become_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_MOST_PATHS", 3)
    paths = [tmp_path / f"{number}.wav" for number in range(5)]
    held = Settling(settle_s=2)
    held.add(paths, now=10)
    assert held.due(now=11.9) is None
    held.add(paths[4:], now=11)
    assert held.due(now=12) == Changes(paths=None, restless=frozenset(paths[4:]))
