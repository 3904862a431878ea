"""The data ablation: manifests of combinations of published sets, to train on one after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.directory import load_model
from training.errors import DataError
from training.manifest import read_manifests, write_manifest
from training.published.combine import combine, filter_captions, parse_combination


@dataclass(frozen=True, kw_only=True)
class CombinedManifest:
    """A combination as it was named, its manifest, and what of each set was kept and left out."""

    name: str
    path: Path
    told: str


def combined_manifests(
    combinations: Sequence[str], root: Path, out: Path, *, model: Path | None
) -> list[CombinedManifest]:
    """Write a manifest of each combination to ``out``; captions are filtered by ``model``. Raises DataError."""
    parsed = {text: parse_combination(text) for text in combinations}
    filtered = any(term.least is not None for terms in parsed.values() for term in terms)
    by = load_model(model) if filtered else None
    made = []
    for text, terms in parsed.items():
        found = combine(terms, root, split="train")
        if by is not None:
            found = filter_captions(found, terms, by, on_clip=lambda _: None)
        path = out / f"{text}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_manifest(path, found.entries)
        told = "; ".join(
            f"{name} " + ", ".join(f"{count:,} {what}" for what, count in counts.items())
            for name, counts in found.counts.items()
        )
        made.append(CombinedManifest(name=text, path=path, told=told))
    return made


def only_validation(manifests: Sequence[Path], out: Path) -> Path:
    """Write the clips of split ``val`` alone to ``out``, so that no trial learns from the others. Raises DataError."""
    entries = [entry for entry in read_manifests(manifests) if entry.split == "val"]
    if not entries:
        raise DataError("the manifests to judge by hold no clip of split 'val'")
    out.mkdir(parents=True, exist_ok=True)
    write_manifest(out / "validation.jsonl", entries)
    return out / "validation.jsonl"
