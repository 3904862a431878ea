"""Domain transfer: how well animals, instruments, speech and other domains are found, side by side (CACARA asks).

Which domain a clip is of comes from ``domains.json``: by its label, if the file names it, else by the likeliest of its
tags that the file names. A clip is asked for by its class name or, without a label, by its captions; among all
clips, and among those of its domain, where the others are no help to tell apart.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from training.diagnosis import weak_alignment
from training.errors import DataError
from training.experiments.measured import Measured
from training.experiments.table import Row, Table
from training.manifest import ManifestEntry
from training.metrics import QueryFigures
from training.ranking import BothWays, class_name, rank_both_ways

OTHERS = "others"
COLUMNS = {
    "domain": "domain",
    "clips": "clips",
    "texts": "texts",
    "r1": "text to audio R@1",
    "map": "text to audio mAP",
    "map_inside": "text to audio mAP inside",
    "chance_map_inside": "chance mAP inside",
    "audio_r1": "audio to text R@1",
    "audio_r1_inside": "audio to text R@1 inside",
    "chance_r1_inside": "chance R@1 inside",
}


@dataclass(frozen=True, kw_only=True)
class DomainMap:
    """The domains' names, in order, and the domain of each label and of each tag."""

    names: Sequence[str]
    of_label: Mapping[str, str]
    of_tag: Mapping[str, str]

    def of(self, entry: ManifestEntry) -> str:
        """Return the domain of a clip; OTHERS if nothing says. A label may also be a tag's name ("laughter")."""
        of_name = {**{name.casefold(): domain for name, domain in self.of_tag.items()}, **self.of_label}
        likeliest = [name for name, _ in sorted(entry.tags, key=lambda tag: -tag[1])]
        label = entry.label or ""
        names = [label, class_name(label), *likeliest]
        return next((of_name[name.casefold()] for name in names if name.casefold() in of_name), OTHERS)


def load_domains() -> DomainMap:
    """Read the mapping that comes with the package."""
    fields = json.loads((files("training.experiments") / "domains.json").read_text("utf-8"))
    return DomainMap(names=fields["domains"], of_label=fields["esc50"], of_tag=fields["audioset"])


def domains(measured: Measured) -> Table:
    """Measure every domain among all clips, and inside itself.

    Raises:
        DataError: no clip has a label or a caption.
    """
    asking = [row for row, entry in enumerate(measured.entries) if _texts(entry)]
    if not asking:
        raise DataError("no clip has a label or a caption, so there is nothing to ask for it")
    keys = [_texts(measured.entries[row]) for row in asking]
    texts = list(dict.fromkeys(text for own in keys for text in own))
    vectors, clips = measured.model.embed_texts(texts), measured.clips.select(asking)
    among_all = rank_both_ways(vectors, texts, clips, keys)
    mapping = load_domains()
    rows: list[Row] = []
    for domain in (*mapping.names, OTHERS):
        own = [place for place, row in enumerate(asking) if mapping.of(measured.entries[row]) == domain]
        if not own:
            rows.append({"domain": domain, "clips": 0})
            continue
        own_keys = [keys[place] for place in own]
        said = {text for said in own_keys for text in said}
        own_texts = [row for row, text in enumerate(texts) if text in said]
        inside = rank_both_ways(
            vectors[own_texts], [texts[row] for row in own_texts], clips.select(own), own_keys
        )
        rows.append(
            _row(domain, among_all.to_clips.select(own_texts), among_all.to_queries.select(own), inside)
        )
    return Table(
        title="Domains",
        columns=COLUMNS,
        rows=rows,
        notes=[
            *measured.clip_notes(),
            *_left_out_notes(rows, unnamed=len(measured.entries) - len(asking)),
            "Texts are the clips' class names or, for clips without a label, their captions. Inside: only the domain's "
            "clips and texts are candidates, so domains of different size compare by what is above their chance.",
            "A clip's domain follows from its label, or from the likeliest machine tag in domains.json, which errs "
            "where the tagger does.",
            *weak_alignment(among_all),
        ],
    )


def _left_out_notes(rows: Sequence[Row], *, unnamed: int) -> list[str]:
    absent = [str(row["domain"]) for row in rows if not row["clips"] and row["domain"] != OTHERS]
    notes = [f"Left out because they have neither label nor caption: {unnamed}."] if unnamed else []
    if absent:
        notes.append(f"Absent from these clips: {', '.join(absent)}. Nothing is said of them.")
    return notes


def _texts(entry: ManifestEntry) -> tuple[str, ...]:
    return (class_name(entry.label),) if entry.label else entry.captions


def _row(domain: str, texts: QueryFigures, clips: QueryFigures, inside: BothWays) -> Row:
    """``texts`` and ``clips`` are the domain's own queries among all candidates."""
    return {
        "domain": domain,
        "clips": len(clips),
        "texts": len(texts),
        "r1": texts.recall_at(1),
        "map": texts.map,
        "map_inside": inside.to_clips.map,
        "chance_map_inside": inside.to_clips.chance_map,
        "audio_r1": clips.recall_at(1),
        "audio_r1_inside": inside.to_queries.recall_at(1),
        "chance_r1_inside": inside.to_queries.chance_at(1),
    }
