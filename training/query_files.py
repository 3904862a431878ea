"""Query files: what is asked when a model is measured, and which clips answer it.

JSON lines, ``{"text": ..., "lang": "sw", "label": "dog"}`` or ``{"image": PATH, "label": ...}``; every clip with that
label is an answer.
"""

from dataclasses import dataclass
from pathlib import Path

from training.errors import ManifestError
from training.json_lines import read_json_lines


@dataclass(frozen=True, kw_only=True)
class Query:
    """A text or a picture, and the label of the clips that answer it."""

    label: str
    text: str | None = None
    lang: str = "en"
    image: Path | None = None


def read_queries(path: Path) -> list[Query]:
    """Read a query file; image paths are relative to it. Raises ManifestError that names the line."""
    queries = []
    for number, fields in read_json_lines(path):
        text, image, label = fields.get("text"), fields.get("image"), fields.get("label")
        if not isinstance(label, str) or (text is None) == (image is None):
            raise ManifestError(
                f"{path}, line {number}: a query has a 'label' and either a 'text' or an 'image'"
            )
        queries.append(
            Query(
                label=label,
                text=text,
                lang=fields.get("lang", "en"),
                image=(path.parent / image).resolve() if image else None,
            )
        )
    return queries
