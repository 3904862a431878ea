"""What goes in and out of search: questions of one or many parts, and ranked clips.

Text length is not checked here but by ``model.limits``, so that the command line says the same.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from indexer.search import By
from service.limits import DEFAULT_RESULTS, MAX_PARTS, MAX_RESULTS, MAX_SEARCHES
from service.schemas import ClipId, Described, Filters, Problem

ResultCount = Annotated[int, Field(ge=1, le=MAX_RESULTS, description="How many results to return at most.")]
Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Weight = Annotated[
    float,
    Field(
        ge=-10, le=10, allow_inf_nan=False, description="How much a part counts; below zero it leads away."
    ),
]
Without = Annotated[
    list[str],
    Field(max_length=MAX_PARTS, description='What the sound is not ("thunder"), in any language.'),
]
ResultKind = Annotated[
    By,
    Field(description="clip: one result a clip, by its best segment; segment: every segment for itself."),
]


class Part(BaseModel):
    """A part of a question: exactly one of ``text``, ``clip_id``, ``image_url`` and ``audio_url``."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(default=None, description="What the sound is, in any language.")
    clip_id: ClipId | None = Field(default=None, description="Sounds like this clip.")
    start_s: Seconds | None = Field(default=None, description="Where the part of the clip begins.")
    end_s: Seconds | None = Field(default=None, description="Where the part of the clip ends.")
    image_url: str | None = Field(
        default=None, max_length=2000, description="Only where the server allows it."
    )
    audio_url: str | None = Field(
        default=None, max_length=2000, description="Only where the server allows it."
    )
    weight: Weight = 1.0

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [self.text, self.clip_id, self.image_url, self.audio_url]
        if sum(value is not None for value in given) != 1:
            raise ValueError("give exactly one of 'text', 'clip_id', 'image_url' and 'audio_url'")
        _check_region(self.clip_id, self.start_s, self.end_s)
        return self


class SearchRequest(Filters):
    """A question in JSON: ``text``, ``clip_id`` or ``parts``, which may be mixed; or a ``cursor`` alone, which goes
    on with an earlier answer."""

    text: str | None = Field(default=None, description="What the sound is, in any language.")
    clip_id: ClipId | None = Field(
        default=None, description="Find clips that sound like this one, which is not among them."
    )
    start_s: Seconds | None = Field(
        default=None, description="Only the part of the clip from here on counts."
    )
    end_s: Seconds | None = Field(default=None, description="Only the part of the clip up to here counts.")
    parts: list[Part] | None = Field(
        default=None, min_length=1, max_length=MAX_PARTS, description="More parts, each with its weight."
    )
    without: Without | None = None
    cursor: str | None = Field(
        default=None, max_length=20_000, description="`next` of an earlier answer; nothing else beside it."
    )
    k: ResultCount = DEFAULT_RESULTS
    by: ResultKind = By.CLIP
    lang: str | None = Field(
        default=None,
        max_length=35,
        pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$",
        description="Language tag of the text (BCP 47), for the caller's records; the model needs no hint.",
    )

    @model_validator(mode="after")
    def _is_a_question(self) -> Self:
        if self.cursor is not None:
            if self.model_fields_set - {"cursor"}:
                raise ValueError("a 'cursor' stands alone: it holds the whole question")
            return self
        if self.text is None and self.clip_id is None and self.parts is None:
            raise ValueError("give at least one of 'text', 'clip_id' and 'parts', or a 'cursor'")
        _check_region(self.clip_id, self.start_s, self.end_s)
        return self


class UploadFields(Filters):
    """The fields beside the files of a multipart question."""

    text: str | None = Field(default=None, description="Mixed with the files.")
    without: Without | None = None
    text_weight: Weight = 1.0
    image_weight: Weight = 1.0
    audio_weight: Weight = 1.0
    k: ResultCount = DEFAULT_RESULTS
    by: ResultKind = By.CLIP


class QueryEcho(Filters):
    """The question as it was understood."""

    kind: Literal["text", "clip", "image", "audio", "mixture", "page"] = Field(
        description="mixture: of several parts; page: of a cursor."
    )
    text: str | None = None
    lang: str | None = None
    clip_id: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    parts: list[Part] | None = None
    without: list[str] | None = None
    filenames: list[str] | None = Field(
        default=None, description="Names of the uploaded files, as the client gave them."
    )
    k: int
    by: By


class MatchOut(BaseModel):
    """A moment of a clip that matches."""

    start_s: float
    end_s: float
    score: float = Field(description="Cosine similarity of the query and this moment.")


class HitOut(Described):
    """One ranked clip or segment."""

    rank: int
    clip_id: str
    path: str
    library: str
    score: float = Field(description="Cosine similarity of the query and the best segment, -1 to 1.")
    confidence: float | None = Field(
        default=None,
        description="How likely it is that this is what was asked for, 0 to 1, calibrated for the kind of question "
        "and this library; absent where the model has no calibration.",
    )
    start_s: float
    end_s: float
    duration_s: float
    audio_url: str = Field(description="Where the clip's audio is, relative to the server's root.")
    matches: list[MatchOut] = Field(
        description="The best moments of the clip that do not overlap, best first."
    )


class SearchResponse(BaseModel):
    """Ranked results, best first."""

    query: QueryEcho
    model: str
    generation: int = Field(description="Of the index: grows with every change of what can be found.")
    took_ms: float
    timings_ms: dict[str, float] = Field(description="Time by stage: embed, search.")
    good_match: bool | None = Field(
        default=None,
        description="Whether the best hit is likelier than not what was asked for; absent without calibration.",
    )
    hits: list[HitOut]
    next: str | None = Field(default=None, description="Cursor of the next page; absent on the last one.")


class BatchRequest(BaseModel):
    """Several questions at once."""

    model_config = ConfigDict(extra="forbid")

    searches: list[SearchRequest] = Field(min_length=1, max_length=MAX_SEARCHES)


class BatchResponse(BaseModel):
    """An answer, or a problem, for each question, in order."""

    answers: list[SearchResponse | Problem]


def _check_region(clip_id: str | None, start_s: float | None, end_s: float | None) -> None:
    if (start_s is None) != (end_s is None):
        raise ValueError("'start_s' and 'end_s' belong together")
    if start_s is None or end_s is None:
        return
    if clip_id is None:
        raise ValueError("'start_s' and 'end_s' are of a clip: give its 'clip_id'")
    if start_s >= end_s:
        raise ValueError("'start_s' must be before 'end_s'")
