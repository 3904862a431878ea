"""What tells runs apart, so that a checkpoint is only resumed by the run that wrote it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from training.manifest import ManifestEntry


def run_id(entries: Sequence[ManifestEntry], *identity: str) -> str:
    """Identify what a run is trained on; ``identity`` is whatever else decides its weights, first the anchor's hash."""
    digest = hashlib.sha256("/".join(identity).encode())
    for entry in entries:
        fields = asdict(entry) | {"audio": entry.audio.name, "image": None}
        digest.update(json.dumps(fields, sort_keys=True, default=str).encode())
    return digest.hexdigest()
