"""Tables of the experiments: what is written, and how figures look."""

import json
from pathlib import Path

import pytest

from model.space import EmbeddingSpace
from training.errors import ReportError
from training.experiments.table import Table, write_table

SPACE = EmbeddingSpace(name="tiny", fingerprint="abcdef0123456789", dim=4)
TABLE = Table(
    title="Scale",
    columns={"size": "size", "r1": "R@1", "seconds": "time, s", "clips": "clips"},
    rows=[
        {"size": "base|small", "r1": 0.5, "seconds": 12.25, "clips": 12000},
        {"size": "größer", "r1": 0.12345, "seconds": 950.0},
    ],
    notes=["One seed."],
)


def write(out: Path, table: Table = TABLE) -> tuple[str, dict]:
    markdown, document = write_table(out, table, "scale", command="sonoglot experiment scale", models=[SPACE])
    return markdown.read_text("utf-8"), json.loads(document.read_text("utf-8"))


def test_figures_of_a_column_have_the_same_decimals(tmp_path: Path) -> None:
    markdown, _ = write(tmp_path / "new" / "folder")
    assert "| base\\|small | 0.500 | 12.2 | 12,000 |" in markdown
    assert "| größer | 0.123 | 950.0 | - |" in markdown
    assert "|---|---:|---:|---:|" in markdown


def test_both_files_name_command_model_and_notes(tmp_path: Path) -> None:
    markdown, document = write(tmp_path)
    for said in ("# Scale", "One seed.", "    sonoglot experiment scale", "tiny (4-d, abcdef012345)"):
        assert said in markdown
    assert document["models"] == [{"name": "tiny", "fingerprint": "abcdef0123456789"}]
    assert (document["command"], document["notes"]) == ("sonoglot experiment scale", ["One seed."])
    assert document["rows"][0]["r1"] == 0.5
    assert document["rows"][1] == {"size": "größer", "r1": 0.12345, "seconds": 950.0, "clips": None}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match="file"):
        write(tmp_path / "file")
