"""The client for programs that wait for each answer."""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from sonoglot.client import calls, sending
from sonoglot.client.answers import Clip, Job, Library, SearchAnswer, Tag, Uploaded
from sonoglot.client.calls import Call
from sonoglot.client.errors import SonoglotError, UnreachableError
from sonoglot.client.events import JobWatch
from sonoglot.client.options import ClipChanges, JobSource, Question, SearchOptions
from sonoglot.client.problems import Retry, error_in

T = TypeVar("T")


class Client:
    """Asks one server. Every method raises SonoglotError, or UnreachableError where nobody answers.

    ``timeout_s``: to connect, and between two pieces of an answer. ``retry``: what to do where the server is busy.
    Use it as a context manager, or ``close`` it.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retry = retry or Retry()
        self._http = httpx.Client(
            base_url=url, headers=sending.headers(key), timeout=timeout_s, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def search(self, text: str | None = None, **options: Unpack[SearchOptions]) -> SearchAnswer:
        """Find sounds by words, a picture, a sound, a clip, or several of them. Raises ValueError if they do not go
        together."""
        return self._send(calls.search(text, options))

    def pages(self, text: str | None = None, **options: Unpack[SearchOptions]) -> Iterator[SearchAnswer]:
        """Search, and go on: one answer after another, of ``k`` results each, until there are no more."""
        page = self.search(text, **options)
        yield page
        while page.next is not None:
            page = self.search(cursor=page.next)
            yield page

    def search_batch(self, questions: Sequence[Question]) -> list[SearchAnswer | SonoglotError]:
        """Ask several questions at once; an answer, or the problem with it, for each."""
        return self._send(calls.search_batch(questions))

    def libraries(self) -> tuple[Library, ...]:
        """List all libraries, by name."""
        return self._send(calls.libraries())

    def library(self, name: str) -> Library:
        """How much is in a library."""
        return self._send(calls.library(name))

    def create_library(self, name: str) -> Library:
        """Make a library."""
        return self._send(calls.create_library(name))

    def delete_library(self, name: str) -> None:
        """Take a library out of the index; files of the server's folders stay."""
        self._send(calls.delete_library(name))

    def clips(self, library: str, *, status: str | None = None) -> Iterator[Clip]:
        """Go through the clips of a library."""
        cursor = None
        while True:
            page = self._send(calls.clips(library, status=status, cursor=cursor))
            yield from page.clips
            cursor = page.next
            if cursor is None:
                return

    def clip(self, clip_id: str) -> Clip:
        """What is known of a clip."""
        return self._send(calls.clip(clip_id))

    def update_clip(self, clip_id: str, **changes: Unpack[ClipChanges]) -> Clip:
        """Say what a clip is called; None takes back what was said before."""
        return self._send(calls.update_clip(clip_id, changes))

    def delete_clip(self, clip_id: str) -> None:
        """Take a clip out of the index."""
        self._send(calls.delete_clip(clip_id))

    def tags(self, clip_id: str, vocabulary: Sequence[str], *, k: int = 5) -> tuple[Tag, ...]:
        """Which words of a vocabulary fit a clip, best first."""
        return self._send(calls.tags(clip_id, vocabulary, k=k))

    def download(self, clip_id: str, to: str | os.PathLike[str], *, as_wav: bool = False) -> Path:
        """Write a clip's audio to a file, as it is or as WAV, and return its path. Raises OSError."""
        part = Path(f"{os.fspath(to)}.part")  # nobody shall take half a file for a whole one
        response = self._exchange(calls.audio(clip_id, as_wav=as_wav), stream=True)
        with closing(response), sending.reachable(self._http.base_url), part.open("wb") as file:
            for piece in response.iter_bytes():
                file.write(piece)
        return part.replace(to)

    def upload(self, library: str, *files: str | os.PathLike[str]) -> Uploaded:
        """Send sounds, or archives of them, to a library, which a job then indexes. Raises OSError."""
        return self._send(calls.upload(library, files))

    def submit_job(self, library: str, source: JobSource, *, retry_failed: bool = False) -> Job:
        """Have a folder, what was uploaded, or an object store's prefix indexed."""
        return self._send(calls.submit_job(library, source, retry_failed=retry_failed))

    def jobs(
        self, *, library: str | None = None, state: str | None = None, limit: int | None = None
    ) -> tuple[Job, ...]:
        """List jobs, the latest first."""
        return self._send(calls.jobs(library=library, state=state, limit=limit))

    def job(self, job_id: str) -> Job:
        """How a job stands."""
        return self._send(calls.job(job_id))

    def cancel_job(self, job_id: str) -> Job:
        """Stop a job; what it did stays."""
        return self._send(calls.cancel_job(job_id))

    def retry_job(self, job_id: str) -> Job:
        """Have a job that failed or was cancelled done once more."""
        return self._send(calls.retry_job(job_id))

    def wait_for_job(self, job_id: str, *, on_progress: Callable[[Job], None] | None = None) -> Job:
        """Wait until a job has ended, whichever way, and return it; ``on_progress`` hears of it meanwhile."""
        watch = JobWatch(on_progress, self._retry)
        while True:
            broken = None
            try:
                response = self._exchange(calls.job_events(job_id), stream=True)
                with closing(response), sending.reachable(self._http.base_url):
                    for line in response.iter_lines():
                        ended = watch.feed(line)
                        if ended is not None:
                            return ended
            except UnreachableError as error:
                broken = error
            time.sleep(watch.broke_off(broken))

    def _send(self, call: Call[T]) -> T:
        return sending.answer(call, self._exchange(call))

    def _exchange(self, call: Call[Any], *, stream: bool = False) -> httpx.Response:
        """A good answer, after as many attempts as it takes."""
        for attempt in itertools.count():
            with sending.arguments(call) as arguments, sending.reachable(self._http.base_url):
                response = self._http.send(self._http.build_request(**arguments), stream=stream)
                if response.is_success:
                    return response
                response.read()
            error = error_in(response)
            wait_s = self._retry.wait_s(error, attempt)
            if wait_s is None:
                raise error
            time.sleep(wait_s)
        raise AssertionError("there is always another attempt")
