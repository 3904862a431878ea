"""Where uploads of a library lie in a store: under a name of our own, for a library's may hold anything."""

import hashlib
from pathlib import Path


def uploads_folder(store_dir: Path, library: str) -> Path:
    """The folder of a library's uploads; it need not exist."""
    return store_dir / "uploads" / hashlib.sha256(library.encode()).hexdigest()[:16]
