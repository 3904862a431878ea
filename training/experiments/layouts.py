"""Classification data sets read from the folders that their makers publish."""

import csv
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError, ManifestError
from training.manifest import ManifestEntry


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a data set has its table, its columns and its audio; ``{fold}`` stands for the clip's fold."""

    name: str
    tables: tuple[str, ...]  # tried in this order
    file_column: str
    label_column: str
    fold_column: str
    audio_folder: str
    licence: str


# Piczak 2015, github.com/karolpiczak/ESC-50; some copies have the table beside the audio folder.
ESC50 = Layout(
    name="ESC-50",
    tables=("meta/esc50.csv", "esc50.csv"),
    file_column="filename",
    label_column="category",
    fold_column="fold",
    audio_folder="audio",
    licence="CC BY-NC 3.0",
)
# Salamon et al. 2014, urbansounddataset.weebly.com
URBANSOUND8K = Layout(
    name="UrbanSound8K",
    tables=("metadata/UrbanSound8K.csv",),
    file_column="slice_file_name",
    label_column="class",
    fold_column="fold",
    audio_folder="audio/fold{fold}",
    licence="CC BY-NC 3.0",
)
LAYOUTS = {"esc50": ESC50, "urbansound8k": URBANSOUND8K}


def read_folds(root: Path, layout: Layout, *, only: Collection[int] = ()) -> dict[int, list[ManifestEntry]]:
    """Return the labelled clips of each fold, in the folds' order; of the folds ``only``, if any are given.

    Raises:
        ManifestError: the table is missing or malformed.
        DataError: a fold of ``only`` is not there, or the table names no clip.
    """
    table = next((root / name for name in layout.tables if (root / name).is_file()), None)
    if table is None:
        looked = " or ".join(str(root / name) for name in layout.tables)
        raise ManifestError(f"{looked} is missing; ROOT must be the folder of {layout.name} as published")
    folds: dict[int, list[ManifestEntry]] = defaultdict(list)
    for number, row in _rows(table):
        try:
            fold = int(row[layout.fold_column])
            audio = root / layout.audio_folder.format(fold=fold) / row[layout.file_column]
            label = row[layout.label_column]
        except (KeyError, TypeError, ValueError) as error:
            columns = f"{layout.file_column}, {layout.fold_column}, {layout.label_column}"
            raise ManifestError(
                f"{table}, line {number}: the columns {columns} are needed ({error!r})"
            ) from error
        folds[fold].append(
            ManifestEntry(audio=audio.resolve(), label=label, source=layout.name, licence=layout.licence)
        )
    absent = sorted(set(only) - set(folds))
    if not folds:
        raise DataError(f"{table} names no clip")
    if absent:
        there = ", ".join(map(str, sorted(folds)))
        raise DataError(f"{table} has no fold {', '.join(map(str, absent))}; it has {there}")
    return {fold: folds[fold] for fold in sorted(folds) if not only or fold in only}


def _rows(table: Path) -> list[tuple[int, dict]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return list(enumerate(csv.DictReader(file), start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{table} cannot be read as CSV: {error}") from error
