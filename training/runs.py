"""What tells runs apart, so that a checkpoint is only resumed by the run that wrote it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from torch import Tensor

from training.manifest import ManifestEntry


def run_id(entries: Sequence[ManifestEntry], anchor_hash: str) -> str:
    """Identify what a run is trained on."""
    digest = hashlib.sha256(anchor_hash.encode())
    for entry in entries:
        fields = asdict(entry) | {"audio": entry.audio.name, "image": None}
        digest.update(json.dumps(fields, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """Hash tensors with their names."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].contiguous().numpy().tobytes())
    return digest.hexdigest()
