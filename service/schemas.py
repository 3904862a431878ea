"""What goes in and out of the REST API: the pydantic models that validate, document and serialise it.

Those of search are in ``search_schemas``.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from indexer.records import MAX_FILTER_TAGS, SearchFilter
from service.keys import Scope

LibraryName = Annotated[
    str, Field(description="Search in this library only; all of them without it.", max_length=1000)
]
Tags = Annotated[
    list[str],
    Field(
        max_length=MAX_FILTER_TAGS,
        description="Only clips that have all of these tags; case does not matter.",
    ),
]
Folder = Annotated[
    str, Field(max_length=4096, description="Only files below this folder of the server; an absolute path.")
]
MinDuration = Annotated[
    float, Field(ge=0, description="Only clips that last at least this long, in seconds.")
]
MaxDuration = Annotated[float, Field(ge=0, description="Only clips that last at most this long, in seconds.")]
Licence = Annotated[
    str, Field(max_length=1000, description="Only clips under this licence, as clips have it.")
]
Category = Annotated[
    str, Field(max_length=1000, description="Only clips of this category, as clips have it.")
]
ClipId = Annotated[
    str, Field(min_length=1, max_length=64, description="Identity of a clip in the catalogue.")
]


def with_values(**fields: Any) -> dict[str, Any]:
    """Those of the fields that have a value: what JSON leaves out has none."""
    return {name: value for name, value in fields.items() if value is not None}


class Filters(BaseModel):
    """Which clips a search may return; what is left out does not matter."""

    model_config = ConfigDict(extra="forbid")

    library: LibraryName | None = None
    folder: Folder | None = None
    min_duration_s: MinDuration | None = None
    max_duration_s: MaxDuration | None = None
    tags: Tags | None = None
    licence: Licence | None = None
    category: Category | None = None

    def search_filter(self) -> SearchFilter:
        """Return what the index is asked for. Raises InvalidQueryError."""
        return SearchFilter(
            library=self.library,
            folder=None if self.folder is None else Path(os.path.normpath(self.folder)),
            min_duration_s=self.min_duration_s,
            max_duration_s=self.max_duration_s,
            tags=tuple(self.tags or ()),
            licence=self.licence,
            category=self.category,
        )


class Described(BaseModel):
    """What a clip's file, its name, or a table beside it says of it."""

    title: str | None = None
    description: str | None = None
    artist: str | None = None
    licence: str | None = None
    category: str | None = None
    tags: list[str] = []


class ClipOut(Described):
    """One clip of the catalogue."""

    clip_id: str
    path: str
    library: str
    duration_s: float
    status: Literal["indexed", "failed", "missing"] = Field(
        description="failed: could not be indexed; missing: its file had gone when its library was indexed."
    )
    reason: str | None = Field(default=None, description="Why it could not be indexed.")
    audio_url: str


class WaveformOut(BaseModel):
    """How loud a clip is over its length, for drawing it."""

    clip_id: str
    peaks: list[float] = Field(description="Peaks of equally long parts, 0 to 1; the loudest part is 1.")


class LibraryOut(BaseModel):
    """One library and how much is in it."""

    name: str
    clips: int = Field(description="Clips that can be searched.")
    segments: int
    failed: int = Field(description="Files that could not be indexed.")
    missing: int = Field(description="Clips whose file had gone when the library was last indexed.")
    duration_s: float


class LibrariesResponse(BaseModel):
    """All libraries, by name."""

    libraries: list[LibraryOut]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The model is loaded and the store is open."""

    status: Literal["ready"] = "ready"
    model: str


class SessionOut(BaseModel):
    """What the caller may do."""

    scope: Scope = Field(description="What is allowed; each includes those before it: search, index, admin.")
    needs_key: bool = Field(description="Whether that is by a key; false where the server needs none.")


class FieldProblem(BaseModel):
    """One thing that is wrong with one part of a request."""

    field: str
    message: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str | None = Field(default=None, description="As in X-Request-Id and in the server's log.")
    errors: list[FieldProblem] | None = None
