"""Emergent audio-image retrieval, both ways, beside text on the same clips.

No picture is ever paired with a sound in training: whatever pictures find, they find because the anchor puts them
where it puts the English words for what they show (CACARA).
"""

from collections.abc import Sequence

import numpy as np

from training.diagnosis import blind_pictures, weak_alignment
from training.errors import DataError
from training.experiments.measured import Measured
from training.experiments.table import Table
from training.metrics import ClipVectors, QueryFigures
from training.query_files import Query
from training.ranking import answerable, class_name, embed_pictures, label_keys, rank_both_ways

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
    shown, vectors = embed_pictures(measured.model, asked)
    if not shown:
        raise DataError("the queries hold no picture whose label a clip has")
    labels = sorted(set(shown))
    names = measured.model.embed_texts([class_name(label) for label in labels])
    keys = label_keys(measured.entries)
    seen = rank_both_ways(vectors, shown, measured.clips, keys)
    named = rank_both_ways(names, labels, measured.clips, keys)
    read = rank_both_ways(names, labels, ClipVectors(vectors, np.arange(len(shown))), [[of] for of in shown])
    return Table(
        title="Pictures and sounds",
        columns=COLUMNS,
        rows=[
            _row("picture to audio", seen.to_clips),
            _row("class name to audio", named.to_clips),
            _row("audio to picture", seen.to_queries),
            _row("audio to class name", named.to_queries),
            _row("picture to class name", read.to_queries),
        ],
        notes=[
            *measured.clip_notes(),
            f"{len(shown)} pictures of {len(labels)} classes. The other clips are candidates, but do not ask.",
            "Picture to class name is the anchor's own, without sound: where it errs, pictures find no sound.",
            "A clip or picture is right if it has the query's label: this is retrieval of a class, not of the one "
            "recording that belongs to a picture.",
            "Chance is that of a random order. Class names have fewer candidates from audio than pictures have, so "
            "compare each with its own chance.",
            *weak_alignment(named),
            *blind_pictures(text=named.to_clips, pictures=seen.to_clips),
        ],
    )


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
