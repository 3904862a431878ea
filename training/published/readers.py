"""Readers of published data sets: a folder as its makers publish it to clips.

Each format is its makers' own: AudioCaps (Kim et al. 2019), Clotho v2 (Drossos et al. 2020), WavCaps (Mei et al. 2023,
with its blacklists), Auto-ACD (Sun et al. 2023), AudioSetCaps (Bai et al. 2024).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training.errors import ManifestError
from training.manifest import SPLITS
from training.published.clip import PublishedClip, read_json, read_table, video_of


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """A data set by name: its licence, who wrote its captions, and its reader."""

    name: str
    licence: str
    captions_by_machine: bool
    read: Callable[[Path], list[PublishedClip]]


def read_audiocaps(folder: Path) -> list[PublishedClip]:
    """``train.csv``, ``val.csv``, ``test.csv``: audiocap_id, youtube_id, start_time, caption; one caption a row."""
    clips = []
    for split, path in _tables(folder, {split: f"{split}.csv" for split in SPLITS}):
        captions: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        ids: dict[tuple[str, str], str] = {}
        for row in read_table(path, ("audiocap_id", "youtube_id", "start_time", "caption")):
            key = row["youtube_id"], row["start_time"]
            captions[key].append(row["caption"])
            ids.setdefault(key, row["audiocap_id"])
        for (video, start), own in captions.items():
            files = f"{video}_{start}", f"Y{video}_{start}", f"Y{video}", video, ids[video, start]
            clips.append(
                PublishedClip(
                    name=f"{video}_{start}", files=files, captions=tuple(own), split=split, video=video
                )
            )
    return clips


def read_clotho(folder: Path) -> list[PublishedClip]:
    """``clotho_captions_development.csv`` and so on: file_name, caption_1 to caption_5."""
    names = {"train": "development", "val": "validation", "test": "evaluation"}
    columns = tuple(f"caption_{number}" for number in range(1, 6))
    found = _tables(folder, {split: f"clotho_captions_{name}.csv" for split, name in names.items()})
    return [
        PublishedClip(
            name=f"{split}/{row['file_name']}",
            files=(Path(row["file_name"]).stem,),
            captions=tuple(row[column] for column in columns if row[column]),
            split=split,
        )
        for split, path in found
        for row in read_table(path, ("file_name", *columns))
    ]


WAVCAPS_PARTS = {
    "as_final": "AudioSet",
    "fsd_final": "FreeSound",
    "bbc_final": "BBC",
    "sb_final": "SoundBible",
}


def read_wavcaps(folder: Path) -> list[PublishedClip]:
    """``*_final.json`` of the four parts, and ``blacklist*.json``, anywhere in the folder."""
    excluded = _wavcaps_blacklists(folder)
    paths = {part: next(iter(sorted(folder.rglob(f"{part}.json"))), None) for part in WAVCAPS_PARTS}
    if not any(paths.values()):
        raise ManifestError(f"{folder} holds none of WavCaps' files: {', '.join(WAVCAPS_PARTS)} (.json)")
    clips = []
    for part, path in paths.items():
        if path is None:
            continue
        stored = read_json(path)
        for item in stored["data"] if isinstance(stored, dict) else stored:
            stem = str(item["id"]).removesuffix(".wav")
            clips.append(
                PublishedClip(
                    name=f"{WAVCAPS_PARTS[part]}/{stem}",
                    files=(stem,),
                    captions=(item["caption"],),
                    split="train",
                    video=video_of(stem) if part == "as_final" else None,
                    excluded=stem in excluded[WAVCAPS_PARTS[part]],
                )
            )
    return clips


def read_auto_acd(folder: Path) -> list[PublishedClip]:
    """``train.csv``, and ``val.csv`` and ``test.csv`` where there are: youtube_id, caption."""
    return list(_captioned_videos(folder, "youtube_id"))


def read_audiosetcaps(folder: Path) -> list[PublishedClip]:
    """CSV files of id, caption; all of them are for training."""
    return list(_captioned_videos(folder, "id"))


SETS = {
    found.name: found
    for found in (
        PublishedSet(
            name="audiocaps",
            licence="captions MIT; audio of YouTube",
            captions_by_machine=False,
            read=read_audiocaps,
        ),
        PublishedSet(
            name="clotho",
            licence="captions Tampere University licence, non-commercial (NC); audio of Freesound, each its own",
            captions_by_machine=False,
            read=read_clotho,
        ),
        PublishedSet(
            name="wavcaps", licence="academic use only (NC)", captions_by_machine=True, read=read_wavcaps
        ),
        PublishedSet(
            name="auto-acd",
            licence="captions as published; audio of YouTube",
            captions_by_machine=True,
            read=read_auto_acd,
        ),
        PublishedSet(
            name="audiosetcaps",
            licence="captions CC BY 4.0; audio of YouTube",
            captions_by_machine=True,
            read=read_audiosetcaps,
        ),
    )
}


def _captioned_videos(folder: Path, column: str) -> Iterator[PublishedClip]:
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise ManifestError(f"{folder} holds no CSV file of {column} and caption")
    for path in paths:
        split = next((split for split in SPLITS if split in path.stem.lower()), "train")
        for row in read_table(path, (column, "caption")):
            name = row[column]
            video = video_of(name)
            yield PublishedClip(
                name=name,
                files=(name, f"Y{name}", video, f"Y{video}"),
                captions=(row["caption"],),
                split=split,
                video=video,
            )


def _tables(folder: Path, names: dict[str, str]) -> list[tuple[str, Path]]:
    """Return the split and the path of the files that are there. Raises ManifestError if none is."""
    found = [(split, folder / name) for split, name in names.items() if (folder / name).is_file()]
    if not found:
        raise ManifestError(f"{folder} holds none of {', '.join(names.values())}")
    return found


def _wavcaps_blacklists(folder: Path) -> dict[str, set[str]]:
    listed: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.rglob("blacklist*.json")):
        for part, names in read_json(path).items():
            listed[part] |= {Path(str(name)).stem for name in names}
    return listed
