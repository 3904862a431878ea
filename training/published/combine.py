"""Several published data sets as one manifest: ``audiocaps+clotho+wavcaps@0.1``.

What is in somebody's test stays out of training, unless it is asked for: WavCaps' blacklists, and every video of
AudioCaps' val and test, which AudioSetCaps, Auto-ACD and WavCaps hold too. Everything left out is counted.

``@0.1`` filters a set's captions by their likeness to the sound, as the paper filters machine captions; by which model,
the paper does not say. Here it is a Sonoglot model: the cosine between the caption and the clip's best segment.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from indexer.scan import AUDIO_SUFFIXES
from model.retrieval_model import RetrievalModel
from training.errors import DataError
from training.evaluation import embed_clips
from training.manifest import ManifestEntry
from training.published.clip import PublishedClip
from training.published.readers import SETS, PublishedSet

EVALUATION_SET, EVALUATION_SPLITS = "audiocaps", ("val", "test")
_TERM = re.compile(r"(?P<name>[a-z0-9-]+)(?:@(?P<least>[01](?:\.\d+)?))?")


@dataclass(frozen=True, kw_only=True)
class Term:
    """One set of a combination, and the least likeness of its captions, if they are filtered."""

    source: PublishedSet
    least: float | None = None


@dataclass(frozen=True, kw_only=True)
class Combined:
    """What came of a combination: the clips, and how many of each set were left out, by reason."""

    entries: list[ManifestEntry]
    counts: dict[str, dict[str, int]]


def parse_combination(text: str) -> list[Term]:
    """Read ``audiocaps+wavcaps@0.1``. Raises DataError that names what is not understood."""
    terms = []
    for part in text.split("+"):
        match = _TERM.fullmatch(part.strip())
        if match is None or match["name"] not in SETS:
            raise DataError(
                f"{part!r} is no data set; a combination is names joined by +, each with @THRESHOLD or without: "
                f"{', '.join(SETS)}"
            )
        least = float(match["least"]) if match["least"] else None
        terms.append(Term(source=SETS[match["name"]], least=least))
    return terms


def combine(
    terms: Sequence[Term], root: Path, *, split: str, keep_evaluation_items: bool = False
) -> Combined:
    """Find the clips of ``split`` of each set in ``root``/NAME; captions are not filtered yet.

    Raises DataError if evaluation items cannot be told because AudioCaps' lists are not at hand, or no audio is found.
    """
    guarded = split == "train" and not keep_evaluation_items
    tested = _tested_videos(root, terms) if guarded else set()
    entries: list[ManifestEntry] = []
    counts: dict[str, dict[str, int]] = {}
    for term in terms:
        folder = root / term.source.name
        clips = [clip for clip in term.source.read(folder) if clip.split == split]
        audio = _audio_by_stem(folder)
        count = Counter({"listed": len(clips)})
        for clip in clips:
            path = next((audio[name] for name in clip.files if name in audio), None)
            reason = _reason_to_leave_out(clip, path, tested, guarded=guarded)
            count[reason or "kept"] += 1
            if path is not None and reason is None:
                entries.append(_entry(clip, path, term.source))
        counts[term.source.name] = dict(count)
    if not entries:
        raise DataError(f"none of the clips can be used: {counts}")
    return Combined(entries=entries, counts=counts)


def filter_captions(
    combined: Combined, terms: Sequence[Term], model: RetrievalModel, *, on_clip: Callable[[int], None]
) -> Combined:
    """Leave out captions that are less like their sound than their set's threshold, and clips that keep none."""
    least = {term.source.name: term.least for term in terms if term.least is not None}
    asked = [entry for entry in combined.entries if entry.source in least]
    if not asked:
        return combined
    clips, used, _ = embed_clips(model, asked, on_progress=on_clip)
    bounds = [*clips.starts.tolist(), len(clips.segments)]
    kept: dict[Path, tuple[str, ...]] = {}
    for row, entry in enumerate(used):
        segments = clips.segments[bounds[row] : bounds[row + 1]]
        likeness = (model.embed_texts(entry.captions) @ segments.T).max(1)
        likely = np.flatnonzero(likeness >= least[entry.source or ""])
        kept[entry.audio] = tuple(entry.captions[index] for index in likely)
    entries = [
        replace(entry, captions=kept.get(entry.audio, ())) if entry.source in least else entry
        for entry in combined.entries
    ]
    counts = {name: dict(count) for name, count in combined.counts.items()}
    for name in least:
        unlike = sum(entry.source == name and not entry.captions for entry in entries)
        counts[name] |= {"kept": counts[name].get("kept", 0) - unlike, "unlike their sound": unlike}
    return Combined(entries=[entry for entry in entries if entry.captions], counts=counts)


def _reason_to_leave_out(
    clip: PublishedClip, path: Path | None, tested: set[str], *, guarded: bool
) -> str | None:
    if guarded and (clip.excluded or clip.video in tested):
        return "in a test"
    return "without audio" if path is None else None


def _tested_videos(root: Path, terms: Sequence[Term]) -> set[str]:
    folder = root / EVALUATION_SET
    missing = [split for split in EVALUATION_SPLITS if not (folder / f"{split}.csv").is_file()]
    others = [term.source.name for term in terms if term.source.captions_by_machine]
    if missing and others:
        lists = " and no ".join(f"{split}.csv" for split in missing)
        raise DataError(
            f"{', '.join(others)} may hold clips of AudioCaps' val and test, and {folder} has no {lists} to tell "
            "which; put them there, or keep such clips with --keep-evaluation-items"
        )
    if missing:
        return set()
    listed = SETS[EVALUATION_SET].read(folder)
    return {clip.video or "" for clip in listed if clip.split in EVALUATION_SPLITS}


def _audio_by_stem(folder: Path) -> dict[str, Path]:
    return {
        path.stem: path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()
    }


def _entry(clip: PublishedClip, path: Path, source: PublishedSet) -> ManifestEntry:
    return ManifestEntry(
        audio=path.resolve(),
        captions=clip.captions,
        source=source.name,
        licence=source.licence,
        split=clip.split,
        group=clip.video,
    )
