"""What every reader of a published data set gives: clips by name, before it is known whether their audio is at hand."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import ManifestError

VIDEO_CHARACTERS = 11  # of a YouTube identity


@dataclass(frozen=True, kw_only=True)
class PublishedClip:
    """One clip: ``name`` is unique in its set, ``files`` are names that its audio may have, without suffix.

    ``video`` is the YouTube identity, by which sets overlap; ``excluded`` says that the set's makers themselves keep
    it out of training, since it is in somebody's test.
    """

    name: str
    files: tuple[str, ...]
    captions: tuple[str, ...]
    split: str
    video: str | None = None
    excluded: bool = False


def video_of(name: str) -> str:
    """Return the YouTube identity in a file's name: AudioSet's files begin with Y, and may end with a time."""
    stem = name.removesuffix(".wav").removesuffix(".flac")
    return stem[1 : 1 + VIDEO_CHARACTERS] if _begins_with_y(stem) else stem[:VIDEO_CHARACTERS]


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file. Raises ManifestError if it cannot be read or lacks one of the columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [column for column in columns if column not in (table.fieldnames or ())]
            if missing:
                raise ManifestError(f"{path} has no column {', '.join(missing)}; it has {table.fieldnames}")
            yield from table
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises ManifestError."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path} cannot be read as JSON: {error}") from error


def _begins_with_y(stem: str) -> bool:
    """Tell AudioSet's Y before an identity from an identity that begins with Y."""
    rest = stem[1 + VIDEO_CHARACTERS :]
    return stem.startswith("Y") and len(stem) > VIDEO_CHARACTERS and (not rest or rest[0] in "_.")
