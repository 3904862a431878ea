"""Emergent audio-image retrieval, both ways, beside text on the same clips.

No picture is ever paired with a sound in training: whatever pictures find, they find because the anchor puts them
where it puts the English words for what they show (CACARA).
"""

from collections.abc import Sequence

from training.diagnosis import blind_pictures
from training.errors import DataError
from training.experiments.measured import Measured
from training.experiments.table import Table
from training.metrics import QueryFigures
from training.query_files import Query
from training.ranking import (
    BothWays,
    answerable,
    class_name,
    label_keys,
    rank_both_ways,
    rank_pictures,
)

COLUMNS = {
    "what": "query to answer",
    "queries": "queries",
    "candidates": "candidates",
    "r1": "R@1",
    "r5": "R@5",
    "r10": "R@10",
    "map": "mAP",
    "chance_r1": "chance R@1",
    "chance_map": "chance mAP",
}


def pictures(measured: Measured, queries: Sequence[Query]) -> Table:
    """Rank clips for pictures and pictures for clips; the class names of the pictures' labels stand beside.

    Raises:
        DataError: no picture's label has a clip.
    """
    asked = answerable(queries, measured.entries)
    seen = rank_pictures(measured.model, measured.clips, measured.entries, asked)
    if seen is None:
        raise DataError("the queries hold no picture whose label a clip has")
    labels = sorted(set(seen.queries))
    named = _names(measured, labels)
    return Table(
        title="Pictures and sounds",
        columns=COLUMNS,
        rows=[
            _row("picture to audio", seen.to_clips),
            _row("class name to audio", named.to_clips),
            _row("audio to picture", seen.to_queries),
            _row("audio to class name", named.to_queries),
        ],
        notes=[
            *measured.clip_notes(),
            f"{len(seen.queries)} pictures of {len(labels)} classes. The other clips are candidates, but do not ask.",
            "A clip or picture is right if it has the query's label: this is retrieval of a class, not of the one "
            "recording that belongs to a picture.",
            "Chance is that of a random order. Class names have fewer candidates from audio than pictures have, so "
            "compare each with its own chance.",
            *blind_pictures(text=named.to_clips, pictures=seen.to_clips),
        ],
    )


def _names(measured: Measured, labels: list[str]) -> BothWays:
    vectors = measured.model.embed_texts([class_name(label) for label in labels])
    return rank_both_ways(vectors, labels, measured.clips, label_keys(measured.entries))


def _row(what: str, figures: QueryFigures) -> dict[str, str | int | float]:
    return {
        "what": what,
        "queries": len(figures),
        "candidates": figures.candidates,
        "r1": figures.recall_at(1),
        "r5": figures.recall_at(5),
        "r10": figures.recall_at(10),
        "map": figures.map,
        "chance_r1": figures.chance_at(1),
        "chance_map": figures.chance_map,
    }
