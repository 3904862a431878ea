"""The manifest of a store: which generation of the index is the current one, what it is, and its files' checksums.

For programs and people alike; written last and renamed into place, so that it never names what is not whole.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer.coarse import IndexKind
from indexer.recall import Effort
from indexer.vector_index import About
from model.files import write_atomically
from model.space import EmbeddingSpace


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """A file of the index, by size and content."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """``generation`` and ``deletions`` are the catalogue's when the index was written, ``last_id`` the highest segment
    id in it. ``asked``: the kind that the user wants whatever the size (None: by size)."""

    format_version: int
    space: EmbeddingSpace
    generation: int
    deletions: int
    directory: str
    asked: IndexKind | None
    last_id: int
    about: About
    files: dict[str, FileFacts]


def manifest_path(store: Path) -> Path:
    """Where the manifest of a store is."""
    return store / "manifest.json"


def read_manifest(store: Path) -> Manifest:
    """Read it; ValueError if there is none, or it is not one."""
    try:
        told = json.loads(manifest_path(store).read_bytes())
        index = told["index"]
        directory = index["directory"]
        if not isinstance(directory, str) or Path(directory).name != directory:
            raise ValueError(f"{directory!r} is not a folder of this store")
        return Manifest(
            format_version=told["format_version"],
            space=EmbeddingSpace(**told["space"]),
            generation=int(told["generation"]),
            deletions=int(told["deletions"]),
            directory=directory,
            asked=None if index["asked"] == "auto" else IndexKind(index["asked"]),
            last_id=int(index["last_id"]),
            about=_about(index["about"]),
            files={name: FileFacts(**facts) for name, facts in index["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no usable manifest: {error}") from error


def write_manifest(store: Path, manifest: Manifest) -> None:
    """Put it in place of the one before."""
    told = {
        "format_version": manifest.format_version,
        "space": asdict(manifest.space),
        "generation": manifest.generation,
        "deletions": manifest.deletions,
        "index": {
            "directory": manifest.directory,
            "asked": manifest.asked or "auto",
            "last_id": manifest.last_id,
            "about": asdict(manifest.about),
            "files": {name: asdict(facts) for name, facts in manifest.files.items()},
        },
    }
    write_atomically(manifest_path(store), json.dumps(told, indent=2).encode() + b"\n")


def facts_of(path: Path) -> FileFacts:
    """Size and SHA-256 of a file as it lies on the disk."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return FileFacts(size_bytes=path.stat().st_size, sha256=digest.hexdigest())


def _about(told: dict[str, Any]) -> About:
    efforts = tuple(Effort(**effort) for effort in told["efforts"])
    return About(**{**told, "kind": IndexKind(told["kind"]), "efforts": efforts})
