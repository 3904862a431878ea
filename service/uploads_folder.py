"""Where a library's uploaded files are. Indexed as any folder; nothing but uploads lies there."""

import hashlib
from pathlib import Path


def uploads_folder(store_dir: Path, library: str) -> Path:
    """The folder of a library's uploads, which need not exist. Names of libraries are no names of folders."""
    return store_dir / "uploads" / hashlib.sha256(library.encode()).hexdigest()[:16]
