"""Options that several commands share, so that they are spelled and explained the same everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from indexer.coarse import IndexKind

DEFAULT_STORE = Path("~/.local/share/sonoglot")

StoreOption = Annotated[
    Path,
    typer.Option("--store", metavar="DIR", envvar="SONOGLOT_STORE", help="Directory that holds the index."),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        envvar="SONOGLOT_MODEL",
        help="Model directory; the built-in model if not given.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
LibraryOption = Annotated[
    str | None, typer.Option("--library", metavar="NAME", help="Look only in this library.")
]
LogJsonOption = Annotated[
    bool, typer.Option("--log-json", help="Log JSON, an object a line, in place of text.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        envvar="SONOGLOT_DATABASE",
        help="Database of this store's keys and jobs, as SQLAlchemy names it; SQLite in the store if not given.",
    ),
]


class Device(StrEnum):
    """Where to compute."""

    CPU = "cpu"
    CUDA = "cuda"


class KeyScope(StrEnum):
    """What a key may do; kept here, for the service takes long to import."""

    SEARCH = "search"
    INDEX = "index"
    ADMIN = "admin"


class IndexChoice(StrEnum):
    """The kinds of index that may be asked for; kept here, for FAISS takes long to import."""

    AUTO = "auto"
    EXACT = "exact"
    IVF = "ivf"
    HNSW = "hnsw"


IndexKindOption = Annotated[
    IndexChoice | None,
    typer.Option("--index", help="Kind of index from now on; auto: by size. As before if not given."),
]


def index_kind(choice: IndexChoice) -> "IndexKind | None":
    """The kind that was chosen; None: by size."""
    from indexer.coarse import IndexKind

    return None if choice is IndexChoice.AUTO else IndexKind(choice.value)
