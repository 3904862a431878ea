"""JSON lines, the format of manifests, queries and parallel text: one object a line, in UTF-8.

What is written is there whole or not at all, so that nobody trains on half a file.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from model.files import write_atomically
from training.errors import ManifestError


def read_json_lines(path: Path) -> list[tuple[int, dict]]:
    """Return (line number, object) of every non-empty line. Raises ManifestError that names the line."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() would cut at U+2028 in a text
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise ManifestError(f"{path}, line {number}: not JSON ({error})") from error
        if not isinstance(fields, dict):
            raise ManifestError(f"{path}, line {number}: an object was expected, not {type(fields).__name__}")
        rows.append((number, fields))
    return rows


def write_json_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> int:
    """Write one object a line, making the folder if need be, and return how many there were.

    The lines are written beside ``path`` and renamed: whatever fails, an older file stays as it was.

    Raises:
        ManifestError: the file cannot be written.
    """
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, "".join(lines).encode())
    except (OSError, ValueError) as error:  # ValueError: no file's name, or text that is not Unicode
        raise ManifestError(f"{path} cannot be written: {error}") from error
    return len(lines)
