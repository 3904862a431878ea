"""A client of a Sonoglot server, for programs: ``Client``, and ``AsyncClient`` with the same methods.

    from sonoglot.client import Client

    with Client("http://127.0.0.1:8000") as sonoglot:
        for hit in sonoglot.search("ein Hund bellt", k=3).hits:
            print(hit.score, hit.path, hit.start_s)

Imports neither the service nor the model, so it starts at once and needs no more than httpx and pydantic.
"""

from sonoglot.client.answers import Clip, Hit, Job, Library, Match, Progress, SearchAnswer, Tag, Uploaded
from sonoglot.client.asynchronous import AsyncClient
from sonoglot.client.errors import FieldError, SonoglotError, UnreachableError
from sonoglot.client.options import ClipChanges, JobSource, Part, Question, SearchOptions
from sonoglot.client.problems import Retry
from sonoglot.client.synchronous import Client

__all__ = [
    "AsyncClient",
    "Client",
    "Clip",
    "ClipChanges",
    "FieldError",
    "Hit",
    "Job",
    "JobSource",
    "Library",
    "Match",
    "Part",
    "Progress",
    "Question",
    "Retry",
    "SearchAnswer",
    "SearchOptions",
    "SonoglotError",
    "Tag",
    "UnreachableError",
    "Uploaded",
]
