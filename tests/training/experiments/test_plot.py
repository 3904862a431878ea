"""The plot of a table: its points are there, and where matplotlib is not, that is said."""

import sys
from pathlib import Path

import pytest

from training.errors import ReportError
from training.experiments.plot import scatter
from training.experiments.table import Table

TABLE = Table(
    title="Languages",
    columns={"lang": "language", "x": "coverage", "y": "retrieval"},
    rows=[
        {"lang": "sw", "x": 0.4, "y": 0.5},
        {"lang": "größer", "x": 0.9, "y": 0.8},
        {"lang": "en", "y": 1.0},
    ],
)


def test_rows_with_both_figures_are_drawn_the_same_each_time(tmp_path: Path) -> None:
    first, second = (
        scatter(tmp_path / name, TABLE, name="lang", x="x", y="y").read_bytes() for name in ("a.svg", "b.svg")
    )
    assert first == second
    drawn = first.decode()
    assert all(f">{text}</text>" in drawn for text in ("sw", "größer", "coverage", "retrieval", "Languages"))
    assert ">en</text>" not in drawn


def test_without_matplotlib_the_way_to_get_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ReportError, match=r"sonoglot\[train\]"):
        scatter(tmp_path / "a.svg", TABLE, name="lang", x="x", y="y")
