"""File names as the catalogue keeps them, and as people and JSON can read them.

A file name is bytes, and need not be UTF-8. Python carries such bytes as surrogates in a string; the
catalogue keeps the bytes themselves; what is shown escapes them.
"""

import os
from pathlib import Path


def path_to_bytes(path: Path) -> bytes:
    """The exact name, as the file system has it."""
    return os.fsencode(path)


def path_from_bytes(data: bytes) -> Path:
    """Back from ``path_to_bytes``; opens the very same file."""
    return Path(os.fsdecode(data))


def display_path(path: Path | str) -> str:
    """A name that is always valid text on one line: undecodable bytes and control characters are escaped."""
    text = os.fsencode(path).decode("utf-8", errors="backslashreplace")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
