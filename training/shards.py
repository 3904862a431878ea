"""Writes manifests as shards: tar files of about a thousand clips, which training streams instead of holding all audio.

The layout is WebDataset's (KEY.EXT, the clip's own bytes, beside KEY.json, what is known of it), so other programs read
these shards too. Clips are shuffled once while writing: training mixes the clips of a few shards at a time, and a
manifest is often ordered by source or by class.
"""

import json
import random
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

from webdataset.writer import TarWriter

from indexer.scan import AUDIO_SUFFIXES
from training.errors import DataError
from training.manifest import ManifestEntry
from training.shard_index import INDEX_FILE, ShardedClip, write_index, write_sources

UNFINISHED_FILE = "unfinished"  # says that the shards beside it are ours to write anew
_SHARD_NAME = re.compile(r"\d{5,}\.tar")
_OTHER_SUFFIX = ".audio"  # of files whose suffix says nothing


@dataclass(frozen=True, kw_only=True)
class ShardsWritten:
    """What came of the clips of a split; ``unreadable`` files and clips without captions were left out."""

    clips: int
    shards: int
    unreadable: dict[Path, str]
    without_captions: int


def write_shards(
    entries: Sequence[ManifestEntry],
    out: Path,
    *,
    clips_per_shard: int,
    on_clip: Callable[[], None],
) -> ShardsWritten:
    """Write the clips that have captions to ``out``/00000.tar and so on, then their index.

    Raises DataError if ``out`` holds anything but what an interrupted run left there (which is written anew), cannot be
    written, or no clip can be used.
    """
    captioned = [entry for entry in entries if entry.captions]
    random.Random(0).shuffle(captioned)
    unreadable: dict[Path, str] = {}
    samples = _samples(captioned, unreadable, on_clip)
    clips: list[ShardedClip] = []
    shards = 0
    try:
        _claim(out)
        while first := next(samples, None):
            path = out / f"{shards:05d}.tar"
            with path.open("wb") as file, TarWriter(file, encoder=False, mtime=0) as tar:
                for sample in chain([first], islice(samples, clips_per_shard - 1)):
                    tar.write(sample)
            clips += _members(path)
            shards += 1
        if not clips:
            raise DataError(_nothing(len(entries), len(captioned), unreadable))
        write_sources(out, [entry for entry in captioned if entry.audio not in unreadable])
        write_index(out, clips)
        (out / UNFINISHED_FILE).unlink()
    except OSError as error:
        raise DataError(f"shards cannot be written to {out}: {error}") from error
    return ShardsWritten(
        clips=len(clips),
        shards=shards,
        unreadable=unreadable,
        without_captions=len(entries) - len(captioned),
    )


def _claim(out: Path) -> None:
    """Make ``out`` ours to write to, without what an interrupted run left there."""
    out.mkdir(parents=True, exist_ok=True)
    marker = out / UNFINISHED_FILE
    if (out / INDEX_FILE).exists() or (any(out.iterdir()) and not marker.exists()):
        raise DataError(f"{out} is not empty; shards are written to a new folder only: name another --out")
    marker.touch()
    for path in out.iterdir():
        if _SHARD_NAME.fullmatch(path.name):
            path.unlink()


def _samples(
    entries: Sequence[ManifestEntry], unreadable: dict[Path, str], on_clip: Callable[[], None]
) -> Iterator[dict[str, str | bytes]]:
    """Yield what each clip is in a tar file, noting those whose file cannot be read."""
    for number, entry in enumerate(entries):
        on_clip()
        try:
            content = entry.audio.read_bytes()
        except OSError as error:
            unreadable[entry.audio] = error.strerror or str(error)
            continue
        suffix = entry.audio.suffix.lower()
        name = (suffix if suffix in AUDIO_SUFFIXES else _OTHER_SUFFIX).removeprefix(".")
        yield {"__key__": f"{number:09d}", name: content, "json": json.dumps(_known(entry)).encode()}


def _known(entry: ManifestEntry) -> dict[str, object]:
    """Return what the manifest says of a clip; of its file, only the name, since it is not there any more."""
    fields: dict[str, object] = {
        key: value for key, value in asdict(entry).items() if value not in (None, ())
    }
    fields.pop("image", None)
    return fields | {"audio": entry.audio.name}


def _members(shard: Path) -> Iterator[ShardedClip]:
    """Yield where the clips of a shard lie, from the shard itself: what is indexed is what was written."""
    audio: dict[str, tarfile.TarInfo] = {}
    captions: dict[str, list[str]] = {}
    with tarfile.open(shard, "r:") as tar:
        for member in tar:
            key, _, name = member.name.partition(".")
            if name != "json":
                audio[key] = member
            elif file := tar.extractfile(member):
                captions[key] = json.load(file)["captions"]
    for key, member in audio.items():
        yield ShardedClip(
            key=key,
            shard=shard.name,
            offset=member.offset_data,
            size=member.size,
            captions=tuple(captions[key]),
        )


def _nothing(entries: int, captioned: int, unreadable: dict[Path, str]) -> str:
    told = f"none of {entries} clips can be written: {entries - captioned} have no caption"
    path, reason = next(iter(unreadable.items()), (None, None))
    return f"{told}, {len(unreadable)} cannot be read" + (f" (the first: {path}: {reason})" if path else "")
