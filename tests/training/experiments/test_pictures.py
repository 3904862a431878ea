"""Pictures and clips both ways, with the committed pictures and clips heard as class names."""

from pathlib import Path

import pytest

import training
from tests.training.experiments.helpers import Heard, clip
from training.errors import DataError
from training.experiments.pictures import pictures
from training.query_files import Query

IMAGES = Path(training.__file__).parent / "queries" / "images"
LABELS = ["dog", "airplane", "rain", "siren"]
QUERIES = [
    Query(label="dog", image=IMAGES / "dog_1.jpg"),
    Query(label="dog", image=IMAGES / "dog_2.jpg"),
    Query(label="airplane", image=IMAGES / "airplane_1.jpg"),
    Query(label="cow", image=IMAGES / "cow_1.jpg"),  # no clip answers it
]


def test_both_ways_with_class_names_beside(heard: Heard) -> None:
    table = pictures(heard(LABELS, [clip(label, label=label) for label in LABELS]), QUERIES)
    rows = {row["what"]: row for row in table.rows}
    sizes = {what: (row["queries"], row["candidates"]) for what, row in rows.items()}
    assert sizes == {
        "picture to audio": (3, 4),
        "class name to audio": (2, 4),
        "audio to picture": (2, 3),
        "audio to class name": (2, 2),
        "picture to class name": (3, 2),
    }
    assert rows["class name to audio"]["r1"] == 1
    assert rows["picture to audio"]["r1"] == 1  # the anchor knows dogs and aeroplanes
    assert rows["picture to audio"]["chance_r1"] == pytest.approx(1 / 4)
    assert rows["audio to picture"]["chance_r1"] == pytest.approx((2 / 3 + 1 / 3) / 2)


def test_without_a_picture_that_a_clip_answers_there_is_nothing_to_measure(heard: Heard) -> None:
    with pytest.raises(DataError, match="no picture whose label a clip has"):
        pictures(heard(["rain"], [clip("rain", label="rain")]), [*QUERIES, Query(label="rain", text="rain")])
