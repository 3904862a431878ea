"""The benchmark of searching asks all three ways for the same, and counts what was found."""

from pathlib import Path

import pytest

from benchmarks.search import measure, print_table
from indexer.coarse import IndexKind


def test_all_ways_find_the_best_and_are_set_against_bare_faiss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = measure(tmp_path / "store", count=10_000, dim=16, queries=10, kind=IndexKind.EXACT)
    timings = {(timing["way"], timing["share"]): timing for timing in result["timings"]}
    assert timings.keys() == {(way, share) for way in ("bare", "ours", "whole") for share in (1.0, 0.01, 0.5)}
    for (way, share), timing in timings.items():
        assert timing["p50_ms"] > 0
        assert timing["eight_clients"] > 0
        if way != "whole":
            assert timing["recall"] == 1.0, (way, share)
    capsys.readouterr()
    print_table(result)
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 11
    assert sum("x bare" in line for line in table) == 6
