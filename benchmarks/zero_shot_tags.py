"""How well tags from a caller's vocabulary fit, and whether their probabilities can be believed.

Clips of ESC-50 that the default model was not trained on are tagged with the 50 names of its classes. Half of the
recordings find the temperature of the softmax, and a sigmoid of the cosine to compare it with; the other half judges
both, and the other way round. Printed are how often the best tag is the right one, and how far the best tag's
probability is from how often it is right (expected calibration error, ten bins).

    python -m benchmarks.zero_shot_tags DATA/esc50
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.build import index_paths
from indexer.store import open_store_for_writing
from model.directory import load_model
from service.tagging import TEMPERATURE, softmax

_TEMPERATURES = np.round(np.geomspace(0.01, 0.5, 80), 4)
_STEPS = 50

_Matrix = NDArray[np.float64]
_Places = NDArray[np.int64]


def main() -> None:
    """Tag, fit, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with esc50.csv and audio/")
    parser.add_argument(
        "--fold", default="5", help="clips of this fold (default: the one held out in training)"
    )
    parser.add_argument("--each", type=int, default=8, help="at most so many clips of a class")
    asked = parser.parse_args()
    rows = _rows(asked.data, fold=asked.fold, each=asked.each)
    words = sorted({row["category"].replace("_", " ") for row in rows})
    best, mean = _scores(asked.data / "audio", rows, words)
    right = np.array([words.index(row["category"].replace("_", " ")) for row in rows])
    half = np.array([int(row["src_file"]) % 2 for row in rows])
    print(f"{len(rows)} clips, {len(words)} words")
    for name, scores in (("best segment", best), ("mean of segments", mean)):
        print(f"{name:18}{np.mean(scores.argmax(axis=1) == right):7.3f} of best tags are right")
    print(f"temperature of all clips {_temperature(best, right):.4f}, in use {TEMPERATURE}")
    by_softmax, by_sigmoid = np.zeros_like(best), np.zeros_like(best)
    for fitting in (0, 1):
        fit, judge = half == fitting, half != fitting
        temperature = _temperature(best[fit], right[fit])
        by_softmax[judge] = softmax(best[judge], temperature=temperature)
        slope, offset = _logistic(best[fit], right[fit])
        by_sigmoid[judge] = 1 / (1 + np.exp(-(slope * best[judge] + offset)))
        print(f"half {fitting}: temperature {temperature:.4f}, sigmoid of {slope:.1f} * cosine {offset:+.1f}")
    for name, found in (
        ("softmax", by_softmax),
        ("sigmoid", by_sigmoid),
        ("softmax in use", softmax(best, temperature=TEMPERATURE)),
    ):
        print(f"{name:18}{_calibration_error(found, right):7.3f} calibration error of the best tag")


def _rows(data: Path, *, fold: str, each: int) -> list[dict[str, str]]:
    taken: dict[str, list[dict[str, str]]] = {}
    with open(data / "esc50.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["fold"] == fold and len(taken.setdefault(row["category"], [])) < each:
                taken[row["category"]].append(row)
    return [row for rows in taken.values() for row in rows]


def _scores(audio: Path, rows: list[dict[str, str]], words: list[str]) -> tuple[_Matrix, _Matrix]:
    """Cosines of clips and words, shape (N, W): of the best segment, and of the mean of all segments."""
    model = load_model()
    texts = model.embed_texts(words)
    best, mean = [], []
    paths = [audio / row["filename"] for row in rows]
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store_for_writing(Path(folder), space=model.space) as store,
    ):
        index_paths(store, model, library="esc50", paths=paths)
        held = {clip.path.name: clip.clip_id for clip in store.catalog.clips("esc50")}
        for path in paths:
            segments = store.catalog.segments_of(held[path.name]).vectors
            best.append((texts @ segments.T).max(axis=1))
            whole = segments.mean(axis=0)
            mean.append(texts @ (whole / np.linalg.norm(whole)))
    return np.array(best, np.float64), np.array(mean, np.float64)


def _temperature(scores: _Matrix, right: _Places) -> float:
    """The temperature under which the right words are most probable."""
    surprise = [
        -np.log(softmax(scores, temperature=float(given))[np.arange(len(right)), right]).mean()
        for given in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(np.argmin(surprise))])


def _logistic(scores: _Matrix, right: _Places) -> tuple[float, float]:
    """Slope and offset of a logistic regression of "is it this word?" on the cosine, by Newton's method."""
    told = np.zeros_like(scores)
    told[np.arange(len(right)), right] = 1
    inputs = np.stack([scores.ravel(), np.ones(scores.size)], axis=1)
    weights = np.array([10.0, -5.0])
    for _ in range(_STEPS):
        found = 1 / (1 + np.exp(-(inputs @ weights)))
        gradient = inputs.T @ (found - told.ravel())
        curvature = (inputs * (found * (1 - found))[:, None]).T @ inputs + 1e-6 * np.eye(2)
        weights = weights - np.linalg.solve(curvature, gradient)
    return float(weights[0]), float(weights[1])


def _calibration_error(found: _Matrix, right: _Places) -> float:
    sure, is_right = found.max(axis=1), found.argmax(axis=1) == right
    bins = np.minimum((sure * 10).astype(int), 9)
    return float(
        sum(abs(sure[bins == one].sum() - is_right[bins == one].sum()) for one in range(10)) / len(right)
    )


if __name__ == "__main__":
    main()
