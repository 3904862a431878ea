"""Manifests: the one format of training and evaluation data.

A manifest is a JSON-lines file, one clip a line: ``audio`` (absolute, or relative to the manifest), ``captions``
(written by people), and optionally ``label``, ``image``, ``tags`` ([[name, score], ...], from a machine), ``source``,
``licence``, ``split`` (train, val, test) and ``group`` (clips that must stay on one side of a split).
``make_manifest`` writes one from a folder and a table, so published sets and a user's own sounds go the same way.
"""

import csv
import json
import os
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path

from training.errors import DataError, ManifestError
from training.json_lines import read_json_lines, write_json_lines

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class ManifestEntry:
    """One clip and what is known of it; paths are absolute."""

    audio: Path
    captions: tuple[str, ...] = ()
    label: str | None = None
    image: Path | None = None
    tags: tuple[tuple[str, float], ...] = ()
    source: str | None = None
    licence: str | None = None
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """Which columns of a table hold what; None where the table has no such column."""

    audio: str = "filename"
    caption: str | None = None
    label: str | None = None
    split: str | None = None
    group: str | None = None
    licence: str | None = None
    source: str | None = None


def read_manifest(path: Path) -> list[ManifestEntry]:
    """Read a manifest. Raises ManifestError that names the line and what is wrong with it."""
    return [_entry(fields, path, number) for number, fields in read_json_lines(path)]


def read_manifests(paths: Iterable[Path]) -> list[ManifestEntry]:
    """Read several manifests as one, and check that no group is on both sides of a split."""
    entries = [entry for path in paths for entry in read_manifest(path)]
    side_of: dict[str, str] = {}
    for entry in entries:
        if entry.group and entry.split and side_of.setdefault(entry.group, entry.split) != entry.split:
            raise ManifestError(
                f"group {entry.group!r} is in the splits {side_of[entry.group]!r} and {entry.split!r}; "
                f"clips of one group must stay together ({entry.audio})"
            )
    return entries


def read_split(paths: Iterable[Path], split: str | None) -> list[ManifestEntry]:
    """Read the clips of one split of several manifests, of all if None. Raises DataError if there is none."""
    entries = [entry for entry in read_manifests(paths) if split is None or entry.split == split]
    if not entries:
        raise DataError(f"the manifests hold no clip{f' of split {split!r}' if split else ''}")
    return entries


def write_manifest(path: Path, entries: Iterable[ManifestEntry]) -> None:
    """Write a manifest with audio paths relative to it, leaving out what is not known."""
    base = path.parent.resolve()
    write_json_lines(path, (_fields(entry, base) for entry in entries))


def make_manifest(
    folder: Path,
    table: Path,
    *,
    columns: TableColumns,
    split_of: Mapping[str, str],
    tags: Path | None = None,
    wordings: Path | None = None,
    uncaptioned: Path | None = None,
    only_tagged: bool = False,
    licence: str | None = None,
    source: str | None = None,
) -> list[ManifestEntry]:
    """Make entries from a folder of audio and a table (CSV with a header, or JSON lines).

    ``split_of`` maps values of the split column to train, val or test; other rows are left out. ``tags`` is a JSON
    lines file of ``{"audio": ..., "tags": [[name, score], ...]}`` with paths relative to itself. ``wordings`` is a JSON
    object from label to captions, for tables that only have labels. ``uncaptioned`` is one from label to the words that
    name it: clips of these labels get no person's caption, and no clip gets one with such a word, so that what is found
    of them was learned from tags alone. With ``only_tagged``, rows without tags are left out.
    """
    tags_by_path = _read_tags(tags) if tags else {}
    captions_of = _read_words(wordings) if wordings else {}
    words_of = _read_words(uncaptioned) if uncaptioned else {}
    unsaid = {word for words in words_of.values() for word in words}
    entries = []
    for number, row in _read_table(table):
        if columns.audio not in row:
            raise ManifestError(
                f"{table}, line {number}: no column {columns.audio!r}; it has {', '.join(row)}"
            )
        audio = (folder / row[columns.audio]).resolve()
        split = split_of.get(str(_cell(row, columns.split))) if columns.split else None
        if (columns.split and split is None) or (only_tagged and audio not in tags_by_path):
            continue
        label = _cell(row, columns.label)
        caption = _cell(row, columns.caption)
        captions = captions_of.get(label or "", ()) or ((caption,) if caption else ())
        entries.append(
            ManifestEntry(
                audio=audio,
                captions=() if label in words_of else tuple(c for c in captions if not _says(c, unsaid)),
                label=label,
                tags=tags_by_path.get(audio, ()),
                source=_cell(row, columns.source) or source,
                licence=_cell(row, columns.licence) or licence,
                split=split,
                group=_cell(row, columns.group),
            )
        )
    return entries


def _fields(entry: ManifestEntry, base: Path) -> dict[str, object]:
    """Return what a manifest in the folder ``base`` says of an entry."""
    fields = {key: value for key, value in asdict(entry).items() if value not in (None, ())}
    for key in ("audio", "image"):
        if key in fields:
            fields[key] = os.path.relpath(fields[key], base)
    return fields


def _entry(fields: dict, path: Path, number: int) -> ManifestEntry:
    where = f"{path}, line {number}"
    known = set(ManifestEntry.__dataclass_fields__)
    unknown = set(fields) - known
    if unknown:
        raise ManifestError(
            f"{where}: unknown field {sorted(unknown)[0]!r}; known are {', '.join(sorted(known))}"
        )
    if not isinstance(fields.get("audio"), str):
        raise ManifestError(f"{where}: 'audio' must be a path")
    if fields.get("split") not in (None, *SPLITS):
        raise ManifestError(f"{where}: split {fields['split']!r} is none of {', '.join(SPLITS)}")
    captions = fields.get("captions", [])
    if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
        raise ManifestError(f"{where}: 'captions' must be a list of strings")
    try:
        tags = tuple((str(name), float(score)) for name, score in fields.get("tags", []))
    except (TypeError, ValueError) as error:
        raise ManifestError(f"{where}: 'tags' must be a list of [name, score]") from error
    image = fields.get("image")
    return ManifestEntry(
        **fields
        | {
            "audio": (path.parent / fields["audio"]).resolve(),
            "captions": tuple(captions),
            "tags": tags,
            "image": (path.parent / image).resolve() if image else None,
        }
    )


def _cell(row: Mapping[str, object], column: str | None) -> str | None:
    value = row.get(column) if column else None
    return str(value) if value not in (None, "") else None


def _read_table(path: Path) -> list[tuple[int, dict]]:
    if path.suffix == ".jsonl":
        return read_json_lines(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(enumerate(csv.DictReader(file), start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path} cannot be read as CSV: {error}") from error


def _read_tags(path: Path) -> dict[Path, tuple[tuple[str, float], ...]]:
    return {
        (path.parent / fields["audio"]).resolve(): tuple((name, score) for name, score in fields["tags"])
        for _, fields in read_json_lines(path)
    }


def _says(caption: str, words: Set[str]) -> bool:
    return not words.isdisjoint(re.findall("[a-z]+", caption.lower()))


def _read_words(path: Path) -> dict[str, tuple[str, ...]]:
    try:
        return {label: tuple(captions) for label, captions in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ManifestError(f"{path} is not a JSON object of label to a list of texts: {error}") from error
