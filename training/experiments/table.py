"""Tables of figures as Markdown, for people, and JSON, for programs.

Every table names the command that made it and the models it is about, and says what it shows and does not show, so
that a figure is never read without its conditions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.files import write_atomically
from model.space import EmbeddingSpace
from training.errors import ReportError

Value = str | int | float | None
Row = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of figures; ``columns`` maps a row's keys to headings, in order. A row may lack a key: "-" stands there.

    ``notes`` are sentences: what the table shows, what it does not, and what the figures are a sign of.
    """

    title: str
    columns: Mapping[str, str]
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def write_table(
    out: Path, table: Table, stem: str, *, command: str, models: Sequence[EmbeddingSpace]
) -> tuple[Path, Path]:
    """Write ``STEM.md`` and ``STEM.json`` into the folder ``out``, making it if need be; return both paths.

    ``command`` is what made the table, ``models`` the spaces of the models that it measured, in the rows' order.

    Raises:
        ReportError: a file cannot be written.
    """
    document = {
        "title": table.title,
        "command": command,
        "models": [{"name": space.name, "fingerprint": space.fingerprint} for space in models],
        "columns": dict(table.columns),
        "rows": [{key: row.get(key) for key in table.columns} for row in table.rows],
        "notes": list(table.notes),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    markdown = _markdown(table, command=command, models=models)
    paths = out / f"{stem}.md", out / f"{stem}.json"
    write_report(paths[0], markdown.encode())
    write_report(paths[1], text.encode())
    return paths


def write_report(path: Path, data: bytes) -> None:
    """Write a table or a picture whole, making its folder if need be. Raises ReportError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error}") from error


def _markdown(table: Table, *, command: str, models: Sequence[EmbeddingSpace]) -> str:
    digits = {key: _digits([row.get(key) for row in table.rows]) for key in table.columns}
    numeric = {key: all(not isinstance(row.get(key), str) for row in table.rows) for key in table.columns}
    lines = [
        f"# {table.title}",
        "",
        _line(list(table.columns.values())),
        "|" + "|".join("---:" if numeric[key] else "---" for key in table.columns) + "|",
        *(_line([_cell(row.get(key), digits[key]) for key in table.columns]) for row in table.rows),
        "",
        *(f"- {note}" for note in table.notes),
        *([""] if table.notes else []),
        *(f"Model: {space}" for space in models),
        "",
        f"    {command}",
        "",
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _cell(value: Value, digits: int) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else value


def _digits(values: Sequence[Value]) -> int:
    """Decimals of a column, by its largest figure: shares to a thousandth, seconds to a tenth, thousands to one."""
    largest = max((abs(value) for value in values if isinstance(value, float)), default=0.0)
    return 3 if largest < 10 else 1 if largest < 1000 else 0
