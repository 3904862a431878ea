"""How questions, clips and jobs are described to a client: dictionaries with names that a type checker knows."""

import os
from collections.abc import Sequence
from typing import TypedDict

File = str | os.PathLike[str] | bytes
"""A file's path, or what is in it."""


class Part(TypedDict, total=False):
    """One part of a question: exactly one of ``text``, ``clip_id``, ``image_url`` and ``audio_url``."""

    text: str
    clip_id: str
    start_s: float
    end_s: float
    image_url: str
    audio_url: str
    weight: float


class SearchOptions(TypedDict, total=False):
    """What may be said beside the words of a question. ``image`` and ``audio`` are paths, or what is in a file."""

    image: File
    audio: File
    text_weight: float
    image_weight: float
    audio_weight: float
    clip_id: str
    start_s: float
    end_s: float
    without: Sequence[str]
    parts: Sequence[Part]
    library: str
    folder: str
    tags: Sequence[str]
    licence: str
    category: str
    min_duration_s: float
    max_duration_s: float
    k: int
    by: str
    lang: str
    cursor: str


class Question(SearchOptions, total=False):
    """A question of a batch: of words, clips and parts; files cannot be sent in a batch."""

    text: str


class ClipChanges(TypedDict, total=False):
    """What a clip shall be called; None takes back what was said before."""

    title: str | None
    description: str | None
    artist: str | None
    licence: str | None
    category: str | None
    tags: Sequence[str] | None


class JobSource(TypedDict, total=False):
    """Where a job's sounds are: exactly one of these. ``folder`` is one of the server's."""

    folder: str
    uploads: bool
    url: str
