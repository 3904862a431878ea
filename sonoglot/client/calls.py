"""What is asked of a server: pure functions from arguments to requests, which both clients send.

A ``Call`` knows how its answer is read, so that a client's method is one line.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from sonoglot.client.answers import (
    Clip,
    ClipPage,
    Job,
    JobList,
    Library,
    LibraryList,
    SearchAnswer,
    Tag,
    TagList,
    Uploaded,
)
from sonoglot.client.errors import SonoglotError
from sonoglot.client.options import ClipChanges, File, JobSource, Question, SearchOptions
from sonoglot.client.problems import error_of

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """A request and how its answer is read. ``files`` are read when it is sent."""

    method: str
    path: str
    read: Callable[[Any], T]
    params: Mapping[str, str | int] = field(default_factory=dict)
    json: Any = None
    data: Mapping[str, Any] | None = None
    files: Sequence[tuple[str, File]] = ()


_FILES = ("image", "audio")
_WITH_FILES_ONLY = {"text_weight", "image_weight", "audio_weight"}
_WITHOUT_FILES_ONLY = {"clip_id", "start_s", "end_s", "parts", "lang", "cursor"}


def _reader(kind: type[T]) -> Callable[[Any], T]:
    return TypeAdapter(kind).validate_python


_answer = _reader(SearchAnswer)
_clip = _reader(Clip)
_job = _reader(Job)
_library = _reader(Library)


def search(text: str | None, options: SearchOptions) -> Call[SearchAnswer]:
    """One question; as a form if it has a file. Raises ValueError if its parts cannot be asked together."""
    asked: dict[str, Any] = {"text": text, **options}
    asked = {name: value for name, value in asked.items() if value is not None}
    files = [(name, asked.pop(name)) for name in _FILES if name in asked]
    misplaced = asked.keys() & (_WITHOUT_FILES_ONLY if files else _WITH_FILES_ONLY)
    if misplaced:
        place = "with a file" if files else "without a file"
        raise ValueError(f"{', '.join(sorted(misplaced))} cannot be asked {place}.")
    if files:
        return Call(method="POST", path="/v1/search", data=asked, files=files, read=_answer)
    return Call(method="POST", path="/v1/search", json=asked, read=_answer)


def search_batch(questions: Sequence[Question]) -> Call[list[SearchAnswer | SonoglotError]]:
    """Several questions, whose answers or problems come in order."""

    def read(document: Any) -> list[SearchAnswer | SonoglotError]:
        return [_answer(one) if "hits" in one else error_of(one) for one in document["answers"]]

    return Call(method="POST", path="/v1/search/batch", json={"searches": list(questions)}, read=read)


def libraries() -> Call[tuple[Library, ...]]:
    """All libraries."""
    read = _reader(LibraryList)
    return Call(method="GET", path="/v1/libraries", read=lambda document: read(document).libraries)


def library(name: str) -> Call[Library]:
    """One library."""
    return Call(method="GET", path=_library_path(name), read=_library)


def create_library(name: str) -> Call[Library]:
    """A new library, empty."""
    return Call(method="POST", path="/v1/libraries", json={"name": name}, read=_library)


def delete_library(name: str) -> Call[None]:
    """A library's end."""
    return Call(method="DELETE", path=_library_path(name), read=_nothing)


def clips(library: str, *, status: str | None, cursor: str | None) -> Call[ClipPage]:
    """Some clips of a library: the first, or those after a cursor."""
    given = {"status": status, "cursor": cursor}
    params = {name: value for name, value in given.items() if value is not None}
    return Call(method="GET", path=f"{_library_path(library)}/clips", params=params, read=_reader(ClipPage))


def clip(clip_id: str) -> Call[Clip]:
    """One clip."""
    return Call(method="GET", path=_clip_path(clip_id), read=_clip)


def update_clip(clip_id: str, changes: ClipChanges) -> Call[Clip]:
    """A clip called otherwise."""
    return Call(method="PATCH", path=_clip_path(clip_id), json=dict(changes), read=_clip)


def delete_clip(clip_id: str) -> Call[None]:
    """A clip's end."""
    return Call(method="DELETE", path=_clip_path(clip_id), read=_nothing)


def tags(clip_id: str, vocabulary: Sequence[str], *, k: int) -> Call[tuple[Tag, ...]]:
    """What of a vocabulary fits a clip."""
    read = _reader(TagList)
    return Call(
        method="POST",
        path=f"{_clip_path(clip_id)}/tags",
        json={"vocabulary": list(vocabulary), "k": k},
        read=lambda document: read(document).tags,
    )


def audio(clip_id: str, *, as_wav: bool) -> Call[None]:
    """A clip's audio, to be streamed."""
    path = f"{_clip_path(clip_id)}/audio{'.wav' if as_wav else ''}"
    return Call(method="GET", path=path, read=_nothing)


def upload(library: str, files: Sequence[str | os.PathLike[str]]) -> Call[Uploaded]:
    """Files for a library."""
    return Call(
        method="POST",
        path=f"{_library_path(library)}/uploads",
        files=[("file", Path(file)) for file in files],
        read=_reader(Uploaded),
    )


def submit_job(library: str, source: JobSource, *, retry_failed: bool) -> Call[Job]:
    """A new job."""
    asked = {"library": library, "source": dict(source), "retry_failed": retry_failed}
    return Call(method="POST", path="/v1/jobs", json=asked, read=_job)


def jobs(*, library: str | None, state: str | None, limit: int | None) -> Call[tuple[Job, ...]]:
    """Jobs, the latest first."""
    given = {"library": library, "state": state, "limit": limit}
    params = {name: value for name, value in given.items() if value is not None}
    read = _reader(JobList)
    return Call(method="GET", path="/v1/jobs", params=params, read=lambda document: read(document).jobs)


def job(job_id: str) -> Call[Job]:
    """One job."""
    return Call(method="GET", path=_job_path(job_id), read=_job)


def job_events(job_id: str) -> Call[None]:
    """What happens to a job, to be streamed."""
    return Call(method="GET", path=f"{_job_path(job_id)}/events", read=_nothing)


def cancel_job(job_id: str) -> Call[Job]:
    """A job's early end."""
    return Call(method="POST", path=f"{_job_path(job_id)}/cancel", read=_job)


def retry_job(job_id: str) -> Call[Job]:
    """A job once more."""
    return Call(method="POST", path=f"{_job_path(job_id)}/retry", read=_job)


def _library_path(name: str) -> str:
    return f"/v1/libraries/{quote(name, safe='')}"


def _job_path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _clip_path(clip_id: str) -> str:
    return f"/v1/clips/{quote(clip_id, safe='')}"


def _nothing(document: Any) -> None:
    return None
