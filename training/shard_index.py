"""The index of a folder of shards: which clips there are, where they lie, and what they are called.

``index.jsonl`` has one line a clip: ``key``, ``shard`` (a tar file beside it), ``offset`` and ``size`` of the clip's
own bytes in that file, ``captions``. With it, captions are known and an order is decided before any audio is touched,
and a clip is read without what lies before it. It is written last, so a folder without one is not whole.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from training.errors import DataError, ManifestError
from training.json_lines import read_json_lines, write_json_lines
from training.manifest import ManifestEntry

INDEX_FILE = "index.jsonl"
SOURCES_FILE = "sources.jsonl"  # how many clips there are of each source and licence, for the cards of models


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardedClip:
    """Where a clip lies: ``size`` bytes from ``offset`` of ``shard``; and its captions, at least one."""

    key: str
    shard: str
    offset: int
    size: int
    captions: tuple[str, ...]


def write_index(directory: Path, clips: Iterable[ShardedClip]) -> None:
    """Write the index of a folder whose shards are all written."""
    write_json_lines(directory / INDEX_FILE, map(asdict, clips))


def write_sources(directory: Path, entries: Sequence[ManifestEntry]) -> None:
    """Write how many clips of each source and licence were written as shards."""
    counts = Counter((entry.source, entry.licence) for entry in entries)
    rows = (
        {"source": source, "licence": licence, "clips": count} for (source, licence), count in counts.items()
    )
    write_json_lines(directory / SOURCES_FILE, rows)


def read_sources(directory: Path) -> dict[tuple[str | None, str | None], int]:
    """Return how many clips there are of each source and licence. Raises ManifestError."""
    path = directory / SOURCES_FILE
    try:
        return {
            (row.get("source"), row.get("licence")): int(row["clips"]) for _, row in read_json_lines(path)
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{path} is broken; run `sonoglot shards` again, into a new folder") from error


def what_identifies(data: Path) -> Path:
    """Return the file that tells data from others: of a folder of shards its index, and a manifest itself."""
    return data / INDEX_FILE if data.is_dir() else data


def read_index(directory: Path) -> list[ShardedClip]:
    """Read the index of a folder of shards, in its order.

    Raises DataError if there is none, a line is malformed, or a shard is missing or shorter than the index says.
    """
    path = directory / INDEX_FILE
    clips = []
    try:
        with path.open(encoding="utf-8") as lines:  # line by line: there may be millions
            for number, line in enumerate(lines, start=1):
                clips.append(_clip(line, f"{path}, line {number}"))
    except FileNotFoundError as error:
        raise DataError(
            f"{directory} has no {INDEX_FILE}: it holds no shards, or writing them was interrupted; run "
            "`sonoglot shards` again, with the same --out"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not clips:
        raise DataError(f"{path} names no clips; run `sonoglot shards` again, into a new folder")
    _check_shards(directory, clips)
    return clips


def read_clip(directory: Path, clip: ShardedClip) -> bytes:
    """Return a clip's own bytes, as its file held them. Raises DataError if the shard cannot be read."""
    path = directory / clip.shard
    try:
        with path.open("rb") as shard:
            shard.seek(clip.offset)
            content = shard.read(clip.size)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if len(content) < clip.size:
        raise _cut_off(path)
    return content


def _clip(line: str, where: str) -> ShardedClip:
    try:
        fields = json.loads(line)
        return ShardedClip(
            key=str(fields["key"]),
            shard=sys.intern(fields["shard"]),  # one name for its thousand clips
            offset=int(fields["offset"]),
            size=int(fields["size"]),
            captions=_texts(fields["captions"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{where} is not a clip of an index ({error!r}); run `sonoglot shards` again, into a new folder"
        ) from error


def _texts(captions: object) -> tuple[str, ...]:
    if not isinstance(captions, list) or not captions or not all(isinstance(text, str) for text in captions):
        raise ValueError("'captions' must be a list of at least one string")
    return tuple(captions)


def _check_shards(directory: Path, clips: Iterable[ShardedClip]) -> None:
    ends: dict[str, int] = {}
    for clip in clips:
        ends[clip.shard] = max(ends.get(clip.shard, 0), clip.offset + clip.size)
    for name, end in ends.items():
        path = directory / name
        if not path.is_file():
            raise DataError(f"{path} is missing; put it back, or write the shards again into a new folder")
        if path.stat().st_size < end:
            raise _cut_off(path)


def _cut_off(path: Path) -> DataError:
    return DataError(f"{path} is cut off; copy it again, or write the shards again into a new folder")
