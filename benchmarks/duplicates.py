"""Which likeness tells the same recording in another form from another recording: recall and false pairs by threshold.

Of some sounds copies are made: in other formats and rates, quieter, trimmed, and all of that at once. Copies and all
sounds are indexed with the default model, and each pair of clips is judged by the cosine of their contents' vectors, as
``sonoglot duplicates`` does.

    python -m benchmarks.duplicates FOLDER
"""

import argparse
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.sound_files import Sounds, write_sound
from indexer.build import index_paths
from indexer.content_vectors import content_vectors
from indexer.duplicates import THRESHOLD, last_alike
from indexer.records import SearchFilter
from indexer.store import Store, open_store_for_writing
from model.directory import load_model

_THRESHOLDS = (0.90, 0.93, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995)
_ESC50 = re.compile(r"\d-(?P<recording>\d+)-[A-Z]-(?P<kind>\d+)$")

_Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Form:
    """A way to change a sound, and the format it is then written in."""

    name: str
    suffix: str
    change: Callable[[_Samples], _Samples]
    rate_hz: int | None = None
    """None: the sound's own."""


def _trimmed(share_before: float, share_after: float) -> Callable[[_Samples], _Samples]:
    def trim(samples: _Samples) -> _Samples:
        return samples[round(share_before * len(samples)) : len(samples) - round(share_after * len(samples))]

    return trim


def _same(samples: _Samples) -> _Samples:
    return samples


def _all_at_once(samples: _Samples) -> _Samples:
    return 0.25 * _trimmed(0.02, 0.03)(samples)


FORMS = (
    Form("FLAC", ".flac", _same),
    Form("MP3", ".mp3", _same),
    Form("Opus", ".opus", _same, 48_000),
    Form("44.1 kHz", ".wav", _same, 44_100),
    Form("12 dB quieter", ".wav", lambda samples: 0.25 * samples),
    Form("trimmed by 2 % and 3 %", ".wav", _trimmed(0.02, 0.03)),
    Form("trimmed by 10 % before", ".wav", _trimmed(0.1, 0.0)),
    Form("quieter, trimmed, MP3", ".mp3", _all_at_once),
)


def main() -> None:
    """Print a table of recall by form and of false pairs, by threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="sounds, in ESC-50's names if takes are to be told apart")
    parser.add_argument("--sounds", type=int, default=1600, help="so many sounds are compared")
    parser.add_argument("--copied", type=int, default=150, help="of so many, copies are made")
    arguments = parser.parse_args()
    sounds = Sounds(arguments.folder, most=arguments.sounds)
    with tempfile.TemporaryDirectory() as folder:
        copies = Path(folder) / "copies"
        copies.mkdir()
        _write_copies(sounds, copies, count=min(arguments.copied, len(sounds.paths)))
        model = load_model()
        with open_store_for_writing(Path(folder) / "store", space=model.space) as store:
            index_paths(store, model, library="all", paths=[*sounds.paths, copies])
            _print_table(sounds, copies, store)


def _write_copies(sounds: Sounds, folder: Path, *, count: int) -> None:
    step = max(1, len(sounds.paths) // count)
    for number in range(0, count * step, step):
        for place, form in enumerate(FORMS):
            own_hz = soundfile.info(sounds.paths[number]).samplerate
            rate_hz = form.rate_hz or own_hz
            samples = form.change(sounds.samples(number, rate_hz=own_hz))
            if rate_hz != own_hz:
                samples = soxr.resample(samples, own_hz, rate_hz).astype(np.float32)
            path = folder / f"{sounds.paths[number].stem}.{place}{form.suffix}"
            write_sound(path, samples, rate_hz=rate_hz)


def _print_table(sounds: Sounds, copies: Path, store: Store) -> None:
    parts = list(content_vectors(store.catalog, SearchFilter(library="all")))
    row_of = {content: row for row, content in enumerate(np.concatenate([part.ids for part in parts]))}
    vectors = np.concatenate([part.vectors for part in parts])
    lengths_s = np.concatenate([part.durations_s for part in parts])
    rows = {clip.path: row_of[clip.content_id] for clip in store.catalog.clips("all") if clip.content_id}

    found: dict[str, NDArray[np.float32]] = {}
    alike: dict[str, NDArray[np.bool_]] = {}
    for place, form in enumerate(FORMS):
        pairs = [
            (rows[path], rows[copies / f"{path.stem}.{place}{form.suffix}"])
            for path in sounds.paths
            if path in rows and copies / f"{path.stem}.{place}{form.suffix}" in rows
        ]
        first, second = np.array(pairs).T
        found[form.name] = np.einsum("ij,ij->i", vectors[first], vectors[second])
        found[form.name][first == second] = 1
        alike[form.name] = last_alike(lengths_s[first], lengths_s[second])

    originals = [path for path in sounds.paths if path in rows]
    at = np.array([rows[path] for path in originals])
    names = [_ESC50.match(path.stem) for path in originals]
    recordings = np.array(
        [name["recording"] if name else path.stem for name, path in zip(names, originals, strict=True)]
    )
    kinds = np.array(
        [name["kind"] if name else path.parent.name for name, path in zip(names, originals, strict=True)]
    )
    scores = vectors[at] @ vectors[at].T
    upper = np.triu(np.ones_like(scores, bool), 1)
    same_kind, same_recording = kinds[:, None] == kinds, recordings[:, None] == recordings
    lasting = last_alike(lengths_s[at][:, None], lengths_s[at])
    others = upper & ~same_recording & lasting

    print(
        f"{len(originals)} sounds, {len(found[FORMS[0].name])} of them copied; default threshold {THRESHOLD}"
    )
    print(
        "| threshold | "
        + " | ".join(found)
        + " | all forms | false pairs, same kind | other kind | takes of one recording |"
    )
    print("|---" * (len(found) + 5) + "|")
    for threshold in _THRESHOLDS:
        recalls = [float(np.mean((found[name] >= threshold) & alike[name])) for name in found]
        close = scores >= threshold
        counts = (
            np.sum(close & others & same_kind),
            np.sum(close & others & ~same_kind),
            np.sum(close & upper & same_recording),
        )
        cells = [f"{recall:.3f}" for recall in (*recalls, float(np.mean(recalls)))] + [
            str(count) for count in counts
        ]
        print(f"| {threshold} | " + " | ".join(cells) + " |")
    print(
        f"Pairs of different recordings: {np.sum(others & same_kind)} of the same kind, "
        f"{np.sum(others & ~same_kind)} of others; pairs of takes of one recording: {np.sum(upper & same_recording)}."
    )
    worst = np.argwhere(others & (scores >= THRESHOLD))
    for first, second in sorted(worst.tolist(), key=lambda pair: -scores[pair[0], pair[1]])[:30]:
        print(f"  {scores[first, second]:.4f} {originals[first].name} {originals[second].name}")


if __name__ == "__main__":
    main()
