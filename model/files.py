"""Files that are there whole or not at all, whenever a process is killed."""

import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside ``path``, flush to the disk, then rename over it."""
    write_atomically_with(path, lambda temporary: temporary.write_bytes(data))


def write_atomically_with(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, flush it to the disk, then rename it over ``path``."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
