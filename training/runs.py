"""What tells runs apart, so that a checkpoint is only resumed by the run that wrote it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from training.errors import DataError
from training.manifest import ManifestEntry


def content_hash(path: Path) -> str:
    """Hash a file, or all files of a folder. Raises DataError if it cannot be read."""
    digest = hashlib.sha256()
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    try:
        for file in files:
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def run_id(entries: Sequence[ManifestEntry], *identity: str) -> str:
    """Identify what a run is trained on; ``identity`` is whatever else decides its weights, first the anchor's hash."""
    digest = hashlib.sha256("/".join(identity).encode())
    for entry in entries:
        fields = asdict(entry) | {"audio": entry.audio.name, "image": None}
        digest.update(json.dumps(fields, sort_keys=True, default=str).encode())
    return digest.hexdigest()
