"""What goes in and out of the API of libraries, clips and uploads."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from indexer.catalog import MAX_LIBRARY_NAME_CHARS
from indexer.catalog_editing import Said
from indexer.description import MAX_DESCRIPTION_CHARS, MAX_FIELD_CHARS, MAX_TAG_CHARS, MAX_TAGS
from service.limits import MAX_VOCABULARY
from service.schemas import ClipOut

FieldText = Annotated[str, Field(max_length=MAX_FIELD_CHARS)]


class NewLibrary(BaseModel):
    """A library to make."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        description=f"1 to {MAX_LIBRARY_NAME_CHARS} printable characters of any script, not framed by white space."
    )


class ClipsOut(BaseModel):
    """A page of a library's clips, by path."""

    clips: list[ClipOut]
    next: str | None = Field(
        default=None, description="Give it as `cursor` for the next page; absent on the last."
    )


class ValueCountOut(BaseModel):
    """A value to filter by, and how many clips have it."""

    value: str
    clips: int


class FacetsOut(BaseModel):
    """What a library's searchable clips can be filtered by, the most frequent first."""

    tags: list[ValueCountOut]
    licences: list[ValueCountOut]
    categories: list[ValueCountOut]


class ClipPatch(BaseModel):
    """What to call a clip, over what its file and tables say. Null, or an empty text or list, takes it back; a field
    that is left out stays."""

    model_config = ConfigDict(extra="forbid")

    title: FieldText | None = None
    description: str | None = Field(default=None, max_length=MAX_DESCRIPTION_CHARS)
    artist: FieldText | None = None
    licence: FieldText | None = None
    category: FieldText | None = None
    tags: list[Annotated[str, Field(max_length=MAX_TAG_CHARS)]] | None = Field(
        default=None, max_length=MAX_TAGS
    )

    def said(self) -> Said:
        """The fields that were given."""
        return self.model_dump(exclude_unset=True)


class PeaksOut(BaseModel):
    """The least and the greatest sample in each of equally long parts of a clip, mixed to mono; full scale is 1."""

    clip_id: str
    start_s: float
    end_s: float
    min: list[float]
    max: list[float]


class TagsRequest(BaseModel):
    """What a clip may be, in words of any language."""

    model_config = ConfigDict(extra="forbid")

    vocabulary: list[str] = Field(min_length=1, max_length=MAX_VOCABULARY)
    k: int = Field(default=5, ge=1, le=MAX_VOCABULARY, description="How many tags to return at most.")


class TagOut(BaseModel):
    """A word of the vocabulary, and how well it fits."""

    tag: str
    score: float = Field(description="Cosine similarity of the text and the clip's best segment, -1 to 1.")
    probability: float = Field(
        description="That it is this one, if exactly one of the vocabulary fits; over the vocabulary they sum to 1."
    )


class TagsOut(BaseModel):
    """The words that fit a clip best, best first."""

    clip_id: str
    model: str
    tags: list[TagOut]


class UploadedFile(BaseModel):
    """What became of one file; of an archive, of each sound in it, as `archive.zip/name in it`."""

    filename: str
    state: Literal["accepted", "refused"]
    reason: str | None = Field(default=None, description="Why it was refused.")


class UploadsOut(BaseModel):
    """What was taken of an upload, and the job that indexes it."""

    files: list[UploadedFile]
    job: dict[str, Any] | None
