"""Measures what real embeddings are shaped like, and draws any number of vectors of that shape.

How fast an approximate search is depends on how vectors lie: sounds of a kind lie together, and most directions of
the space hardly vary. So the vectors that searching is timed with are drawn group by group, with the spectra that the
default model's embeddings of real sounds have, between groups and within (``embedding_shape.json``).

    python -m benchmarks.embedding_shape --data ../shared/data/esc50
"""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SHAPE_FILE = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Shape:
    """Spectra (standard deviations by principal axis, falling) between groups and within them, and the length of
    the vectors' mean; of unit vectors."""

    mean: float
    between: list[float]
    within: list[float]
    measured_on: str


def measure(vectors: NDArray[np.float64], groups: NDArray[np.str_], measured_on: str) -> Shape:
    """The shape of unit vectors (N, D), each of a group."""
    mean = vectors.mean(axis=0)
    centres = {group: vectors[groups == group].mean(axis=0) for group in np.unique(groups)}
    own = vectors - np.stack([centres[group] for group in groups])
    return Shape(
        float(np.linalg.norm(mean)),
        _spectrum(np.stack(list(centres.values())) - mean),
        _spectrum(own),
        measured_on,
    )


def drawn(shape: Shape, *, count: int, dim: int, group_size: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Unit vectors of a shape, group after group, in portions of up to 100,000; the axes are random."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))[0].astype(np.float32)
    between, within = (_stretched(spectrum, dim) for spectrum in (shape.between, shape.within))
    mean = shape.mean * axes[-1]
    for start in range(0, count, 100_000):
        size = min(100_000, count - start)
        centres = random.standard_normal((-(-size // group_size), dim), np.float32) * between
        own = random.standard_normal((size, dim), np.float32) * within
        vectors = (np.repeat(centres, group_size, axis=0)[:size] + own) @ axes + mean
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def committed_shape() -> Shape:
    """The shape that was measured last."""
    return Shape(**json.loads(SHAPE_FILE.read_text()))


def _spectrum(vectors: NDArray[np.float64]) -> list[float]:
    deviations = np.linalg.svd(vectors, compute_uv=False) / np.sqrt(len(vectors))
    return [round(float(value), 5) for value in deviations]


def _stretched(spectrum: list[float], dim: int) -> NDArray[np.float32]:
    """A spectrum over another number of axes, of the same variance in all."""
    held = np.array(spectrum)
    other = np.interp(np.linspace(0, 1, dim), np.linspace(0, 1, len(held)), held)
    return (other * np.sqrt((held**2).sum() / (other**2).sum())).astype(np.float32)


def _embedded(data: Path, files: int) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    from indexer.queries import audio_vector
    from model.directory import load_model

    model = load_model(None)
    by_group: dict[str, list[str]] = defaultdict(list)
    with open(data / "esc50.csv", newline="") as file:
        for row in csv.DictReader(file):
            by_group[row["category"]].append(row["filename"])
    most = -(-files // len(by_group))
    vectors, groups = [], []
    for group, names in sorted(by_group.items()):
        for path in [path for name in names if (path := _audio(data, name)).exists()][:most]:
            vectors.append(audio_vector(model, path))
            groups.append(group)
    return np.array(vectors, np.float64), np.array(groups)


def _audio(data: Path, name: str) -> Path:
    return data / "audio" / Path(name).with_suffix(".ogg").name


def main() -> None:
    """Measure the shape of the default model's embeddings of ESC-50, and keep it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="ESC-50: esc50.csv and audio/")
    parser.add_argument("--files", type=int, default=1000)
    options = parser.parse_args()
    vectors, groups = _embedded(options.data, options.files)
    told = f"{len(vectors)} clips of ESC-50, {len(np.unique(groups))} classes, default model"
    shape = measure(vectors, groups, told)
    SHAPE_FILE.write_text(json.dumps(asdict(shape)) + "\n")
    print(
        f"{told}: mean {shape.mean:.3f}, between {np.square(shape.between).sum():.3f}, within "
        f"{np.square(shape.within).sum():.3f} of the variance"
    )


if __name__ == "__main__":
    main()
