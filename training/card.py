"""The model card: what a model was trained on, under which licences, how, and what it reached.

Written by the recipe, never by hand, so that it is always true of the weights beside it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.manifest import ManifestEntry

NON_COMMERCIAL = "NC"
SHARE_ALIKE = ("GPL", "BY-SA")


@dataclass(frozen=True, kw_only=True)
class CardData:
    """What a card says of the clips: how many of each source and licence there are, and whether tags were used."""

    clips: Mapping[tuple[str | None, str | None], int]
    tagged: bool = False

    @classmethod
    def of(cls, entries: Sequence[ManifestEntry]) -> "CardData":
        """Return what a card says of a manifest's clips."""
        clips = Counter((entry.source, entry.licence) for entry in entries)
        return cls(clips=clips, tagged=any(entry.tags for entry in entries))


def model_card(
    *,
    title: str,
    about: str,
    anchor: str,
    train: CardData,
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


def _tag_note(data: CardData) -> list[str]:
    if not data.tagged:
        return []
    return ["", "Machine captions were made from AudioSet tags given by YAMNet (Apache-2.0). English only."]


def _data_table(data: CardData) -> list[str]:
    named = {
        (source or "not named", licence or "not named"): count
        for (source, licence), count in data.clips.items()
    }
    rows = [f"| {source} | {licence} | {count} |" for (source, licence), count in sorted(named.items())]
    return ["| source | licence | clips |", "|---|---|---|", *rows]


def _licence_note(data: CardData) -> list[str]:
    clips = sum(data.clips.values())
    under = [((licence or "").upper(), count) for (_, licence), count in data.clips.items()]
    restricted = sum(count for licence, count in under if NON_COMMERCIAL in licence)
    inherited = sum(count for licence, count in under if any(name in licence for name in SHARE_ALIKE))
    lines = []
    if inherited:
        lines += [
            "",
            f"{inherited} of the {clips} clips come under licences that works made from them inherit (GPL, CC",
            "BY-SA). The weights hold no recording, and whether they are such a work is not settled.",
        ]
    if restricted:
        lines += [
            "",
            f"**{restricted} of the {clips} clips are licensed for non-commercial use only (CC BY-NC).**",
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
        f"On {len(val)} validation clips that were not trained on: {', '.join(told)}. Measured by `sonoglot evaluate`."
    ]
