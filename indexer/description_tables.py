"""Reads tables (CSV) that lie beside audio files and describe them.

A table is named ``sonoglot.csv`` or ``metadata.csv`` and lies in a file's folder or in any folder above it, so that a
clip's description does not depend on which of these folders a run was given. Its first line names its columns: ``file``
(or ``filename``, ``file_name``, ``path``: relative to the table's folder), and any of ``title``, ``description``,
``artist``, ``licence`` (or ``license``), ``category`` and ``tags``. A field is of the nearest table that has it, of
``sonoglot.csv`` before ``metadata.csv`` in one folder. What the file was called before it was stored under another name
may be in ``original_name``; that says as little as a name does, so the file's own tags come before it.

Tables are read by the process that indexes, in each run: a changed one changes descriptions without reading any audio.
"""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indexer.description import NOTHING, Description, describe, split_tags
from indexer.ucs import read_ucs_name

TABLE_NAMES = ("sonoglot.csv", "metadata.csv")
MAX_TABLE_BYTES = 256 << 20
_COLUMNS = {
    "file": "file",
    "filename": "file",
    "file_name": "file",
    "path": "file",
    "title": "title",
    "description": "description",
    "artist": "artist",
    "licence": "licence",
    "license": "licence",
    "category": "category",
    "tags": "tags",
    "original_name": "original_name",
}
_MOST_PROBLEMS = 10


@dataclass(frozen=True)
class Told:
    """What tables say of a file, and what its original name says, which only counts where the file is silent."""

    said: Description = NOTHING
    named: Description = NOTHING

    def over(self, of_file: Description) -> Description:
        """What is found of a file in all, with what it says itself."""
        return self.said.over(of_file).over(self.named)

    def before(self, other: "Told") -> "Told":
        """This, with what it lacks taken from another table."""
        return Told(self.said.over(other.said), self.named.over(other.named))


NOTHING_TOLD = Told()


@dataclass
class DescriptionTable:
    """What one table says of each file, by its name from the table's folder; and what of it cannot be used."""

    path: Path
    rows: dict[str, Description] = field(default_factory=dict)
    original_names: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """The first of them, told with their line numbers."""
    bad_lines: int = 0
    was_used: bool = False
    """Whether it said something of a file that was asked about."""

    def about(self, path: Path) -> Told:
        """What the table says of a file at or below its folder."""
        name = str(path)[len(str(self.path.parent)) :].lstrip("/")
        key = next((key for key in (_key(name), _key(str(path))) if key in self.rows), None)
        if key is None:
            return NOTHING_TOLD
        self.was_used = True
        original = self.original_names.get(key)
        return Told(self.rows[key], NOTHING if original is None else read_original_name(original))

    def add_problem(self, problem: str) -> None:
        """Note a line that cannot be used."""
        self.bad_lines += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)


class DescriptionTables:
    """All tables that concern the files of a run. Ask in the order of paths: only those at hand are kept."""

    def __init__(self) -> None:
        self.read: list[DescriptionTable] = []
        """Tables met so far; without the rows of those that are done with."""
        self._held: dict[Path, list[DescriptionTable]] = {}
        self._folder: Path | None = None
        self._near: list[DescriptionTable] = []

    def about(self, path: Path) -> Told:
        """What the tables say of a file (an absolute path)."""
        if path.parent != self._folder:
            self._enter(path.parent)
        found = NOTHING_TOLD
        for table in self._near:
            told = table.about(path)
            if told is not NOTHING_TOLD:
                found = told if found is NOTHING_TOLD else found.before(told)
        return found

    def _enter(self, folder: Path) -> None:
        above = [folder, *folder.parents]
        left = set(self._held).difference(above)
        for gone in left:
            for table in self._held.pop(gone):
                table.rows, table.original_names = {}, {}
        for near in above:
            if near not in self._held:
                self._held[near] = list(_tables_in(near))
                self.read += self._held[near]
        self._folder = folder
        self._near = [table for near in above for table in self._held[near]]


def _tables_in(folder: Path) -> Iterator[DescriptionTable]:
    for name in TABLE_NAMES:
        path = folder / name
        if os.path.isfile(path):
            yield read_table(path)


def read_table(path: Path) -> DescriptionTable:
    """Read a table; what is wrong with it, or with lines of it, is in its ``problems``."""
    table = DescriptionTable(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        table.add_problem(f"it cannot be read ({error.strerror or error})")
        return table
    if len(data) > MAX_TABLE_BYTES:
        table.add_problem(f"it is larger than {MAX_TABLE_BYTES >> 20} MiB; split it by folders")
        return table
    _read_rows(data.decode("utf-8-sig", errors="surrogateescape"), table)
    return table


def _read_rows(text: str, table: DescriptionTable) -> None:
    head = re.match(r"[^\r\n]*", text)
    delimiter = max(",;\t", key=(head[0] if head else "").count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str | None] | None = None
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            table.add_problem(f"line {reader.line_num}: {error}")
            continue
        if row is None:
            return
        if columns is None:
            columns = [_COLUMNS.get(name.strip().casefold()) for name in row]
            if "file" not in columns:
                table.add_problem("its first line names no column 'file', 'filename' or 'path'")
                return
        elif any(value.strip() for value in row):
            _take_row(row, columns, reader.line_num, table)


def _take_row(row: list[str], columns: list[str | None], line: int, table: DescriptionTable) -> None:
    if len(row) > len(columns):
        table.add_problem(f"line {line}: {len(row)} values in {len(columns)} columns")
        return
    values: dict[str, str] = {}
    for name, value in zip(columns, row, strict=False):
        if name is not None and value.strip():
            values.setdefault(name, value.strip())
    name = values.pop("file", "")
    if any("\udc80" <= char <= "\udcff" for value in (name, *values.values()) for char in value):
        table.add_problem(f"line {line}: not UTF-8")
    elif not name:
        table.add_problem(f"line {line}: no file is named")
    elif _key(name) in table.rows:
        table.add_problem(f"line {line}: {name!r} is described twice")
    else:
        original = values.pop("original_name", None)
        if original is not None:
            table.original_names[_key(name)] = original
        tags = split_tags(values.pop("tags", ""))
        table.rows[_key(name)] = describe(**values, tags=tags)


def read_original_name(name: str) -> Description:
    """What the name says that a file had before it was stored under another: its convention's parts, or a title."""
    stem = os.path.splitext(name)[0] or name
    return read_ucs_name(stem).over(describe(title=stem))


def _key(name: str) -> str:
    """Names are composed by some systems and not by others."""
    return os.path.normpath(unicodedata.normalize("NFC", name))
