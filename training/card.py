"""The model card: what a model was trained on, under which licences, how, and what it reached.

Written by the recipe, never by hand, so that it is always true of the weights beside it.
"""

from collections import Counter
from collections.abc import Sequence

from training.manifest import ManifestEntry

NON_COMMERCIAL = "NC"
SHARE_ALIKE = ("GPL", "BY-SA")


def model_card(
    *,
    title: str,
    about: str,
    anchor: str,
    train: Sequence[ManifestEntry],
    val: Sequence[ManifestEntry],
    figures: dict,
    command: str,
    config: dict,
    fingerprint: str,
) -> str:
    """Return the card as Markdown; ``about`` says what the model is, ``anchor`` what its anchor is made of."""
    return "\n".join(
        [
            f"# {title}",
            "",
            about,
            "",
            "## Training data",
            *_data_table(train),
            *_licence_note(train),
            *_tag_note(train),
            "",
            "## The anchor (frozen before any audio was seen)",
            anchor,
            "",
            "## Figures",
            *_figures(figures, val),
            "",
            "## Made by",
            "```",
            command,
            "```",
            f"with {', '.join(f'{key} {value}' for key, value in config.items())}.",
            "",
            f"Fingerprint: `{fingerprint}`",
            "",
        ]
    )


def _tag_note(entries: Sequence[ManifestEntry]) -> list[str]:
    if not any(entry.tags for entry in entries):
        return []
    return ["", "Machine captions were made from AudioSet tags given by YAMNet (Apache-2.0). English only."]


def _data_table(entries: Sequence[ManifestEntry]) -> list[str]:
    counts = Counter((entry.source or "not named", entry.licence or "not named") for entry in entries)
    rows = [f"| {source} | {licence} | {count} |" for (source, licence), count in sorted(counts.items())]
    return ["| source | licence | clips |", "|---|---|---|", *rows]


def _licence_note(entries: Sequence[ManifestEntry]) -> list[str]:
    restricted = sum(NON_COMMERCIAL in (entry.licence or "").upper() for entry in entries)
    inherited = sum(any(name in (entry.licence or "").upper() for name in SHARE_ALIKE) for entry in entries)
    lines = []
    if inherited:
        lines += [
            "",
            f"{inherited} of the {len(entries)} clips come under licences that works made from them inherit (GPL, CC",
            "BY-SA). The weights hold no recording, and whether they are such a work is not settled.",
        ]
    if restricted:
        lines += [
            "",
            f"**{restricted} of the {len(entries)} clips are licensed for non-commercial use only (CC BY-NC).**",
            "Whether weights trained on such clips may be used commercially is not settled; treat this model as for",
            "research, evaluation and non-commercial use. For commercial use train it on sounds of your own, which is",
            "one command:",
            "`sonoglot train compact --data YOURS.jsonl --out DIR` (a manifest comes from `sonoglot manifest`).",
        ]
    return lines


def _figures(figures: dict, val: Sequence[ManifestEntry]) -> list[str]:
    told = []
    if "classes" in figures:
        classes = figures["classes"]
        told += [
            f"class-name mAP {classes['map']:.3f}",
            f"zero-shot accuracy {classes['zero_shot_accuracy']:.3f}",
        ]
    elif "text_to_audio" in figures:
        found = figures["text_to_audio"]
        told += [f"R@1 of their captions {found['r1']:.3f}", f"R@10 {found['r10']:.3f}"]
    if not told:
        return ["No validation clips with a label or a caption were given, so none."]
    return [
        f"On {len(val)} validation clips that were not trained on: {', '.join(told)}. More in `docs/evaluation.md`."
    ]
