"""JSON lines: what is written reads back, broken lines are named, and no write leaves half a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from training.errors import ManifestError
from training.json_lines import read_json_lines, write_json_lines


def test_rows_read_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [{"text": "mačka 🐈"}, {"text": "two\nlines, a\u2028separator\u0085and\fmore"}]
    path = tmp_path / "new" / "folder" / "rows.jsonl"

    assert write_json_lines(path, rows) == 2

    assert read_json_lines(path) == [(1, rows[0]), (2, rows[1])]
    assert "mačka 🐈" in path.read_text("utf-8")  # readable, not \u escapes
    assert list(path.parent.iterdir()) == [path]


def test_empty_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"a": 1}\r\n\n  \n{"a": 2}')
    assert read_json_lines(tmp_path / "rows.jsonl") == [(1, {"a": 1}), (4, {"a": 2})]


@pytest.mark.parametrize(
    ("line", "complaint"), [("{not json", "line 2: not JSON"), ("[1, 2]", "line 2: an object was expected")]
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(ManifestError, match=complaint):
        read_json_lines(tmp_path / "rows.jsonl")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"\xff\xfe")
    for name in ("rows.jsonl", "none.jsonl"):
        with pytest.raises(ManifestError, match=f"{name} cannot be read"):
            read_json_lines(tmp_path / name)


def test_rows_that_fail_half_way_leave_the_old_file(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 2}
        raise RuntimeError("no more rows")

    path = tmp_path / "rows.jsonl"
    write_json_lines(path, [{"a": 1}])

    with pytest.raises(RuntimeError, match="no more rows"):
        write_json_lines(path, rows())

    assert read_json_lines(path) == [(1, {"a": 1})]
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_says_which(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_json_lines(path, [{"a": 1}])

    with pytest.raises(ManifestError, match=r"rows\.jsonl cannot be written"):
        write_json_lines(path, [{"a": 2}, {"a": "no Unicode: \udcff"}])

    assert read_json_lines(path) == [(1, {"a": 1})]


@pytest.mark.parametrize("name", ["", "file/rows.jsonl", "folder"])
def test_a_place_that_holds_no_file_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("folder").mkdir()
    with pytest.raises(ManifestError, match="cannot be written"):
        write_json_lines(Path(name), [{"a": 1}])
