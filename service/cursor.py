"""Cursors: where a list of results was left off, together with the whole question.

A cursor holds the question's vector, so the next page needs neither the words nor the uploaded file, embeds nothing,
and comes from whichever server is asked. It names the last result by what results are ordered by, so it stays true
while an index is published or clips come and go. Nothing in it is trusted: whoever makes one up can only ask what
anybody may.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from indexer.records import SearchFilter
from indexer.search import By, Place
from model.calibration import QuestionKind
from model.space import EmbeddingSpace
from service.errors import InvalidRequestError
from service.limits import MAX_DEPTH, MAX_PARTS, MAX_RESULTS
from service.schemas import Filters, with_values

_FINGERPRINT_CHARS = 16
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Question:
    """All that a page of results depends on. ``kind`` is what it is mostly asked with; clips whose ids are in
    ``without`` are no results."""

    vector: NDArray[np.float32]
    kind: QuestionKind
    filter: SearchFilter
    k: int
    by: By
    without: tuple[str, ...] = ()
    after: Place | None = None


class _Held(BaseModel):
    """What a cursor says beside the vector."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    space: str
    kind: QuestionKind
    filter: Filters
    k: Annotated[int, Field(ge=1, le=MAX_RESULTS)]
    by: By
    without: Annotated[tuple[str, ...], Field(max_length=MAX_PARTS + 1)]
    rank: Annotated[int, Field(ge=1, le=MAX_DEPTH)]
    score: Annotated[float, Field(allow_inf_nan=False)]
    library: str
    path: str
    """Bytes that are no UTF-8 as Python escapes them, and then in base64, for JSON has no place for them."""
    start_s: Annotated[float, Field(allow_inf_nan=False)]


def encode(question: Question, space: EmbeddingSpace) -> str:
    """A cursor for a question whose ``after`` is set."""
    assert question.after is not None, "a cursor is of a place"
    asked = question.filter
    filter = with_values(
        library=asked.library,
        folder=None if asked.folder is None else str(asked.folder),
        min_duration_s=asked.min_duration_s,
        max_duration_s=asked.max_duration_s,
        tags=asked.tags or None,
        licence=asked.licence,
        category=asked.category,
    )
    # The fields of _Held.
    held = {
        "format": 1,
        "space": space.fingerprint[:_FINGERPRINT_CHARS],
        "kind": question.kind,
        "filter": filter,
        "k": question.k,
        "by": question.by,
        "without": question.without,
        "rank": question.after.rank,
        "score": question.after.score,
        "library": question.after.library,
        "path": _packed(str(question.after.path).encode("utf-8", "surrogateescape")),
        "start_s": question.after.start_s,
    }
    return _packed(to_json(held) + b"\n" + question.vector.astype("<f4").tobytes())


def decode(cursor: str, space: EmbeddingSpace) -> Question:
    """The question of a cursor. Raises InvalidRequestError."""
    try:
        head, _, data = _unpacked(cursor).partition(b"\n")
        held = _Held.model_validate_json(head)
        path = Path(_unpacked(held.path).decode("utf-8", "surrogateescape"))
        vector = np.frombuffer(data, "<f4").astype(np.float32)
    except (ValueError, ValidationError) as error:
        raise _no_cursor() from error
    if held.space != space.fingerprint[:_FINGERPRINT_CHARS]:
        raise InvalidRequestError(
            "The cursor is of another model than this server has now: search again.", field="cursor"
        )
    if vector.shape != (space.dim,) or not abs(float(np.linalg.norm(vector)) - 1) < _UNIT_TOLERANCE:
        raise _no_cursor()
    return Question(
        vector=vector,
        kind=held.kind,
        filter=held.filter.search_filter(),
        k=held.k,
        by=held.by,
        without=held.without,
        after=Place(held.rank, held.score, held.library, path, held.start_s),
    )


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)


def _no_cursor() -> InvalidRequestError:
    return InvalidRequestError("The cursor is none of an earlier answer.", field="cursor")
