"""Follows a job by the events that a server sends (text/event-stream), through broken connections."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from sonoglot.client.answers import Job
from sonoglot.client.errors import SonoglotError, UnreachableError
from sonoglot.client.problems import Retry

_JOB = TypeAdapter(Job)


@dataclass(frozen=True)
class Event:
    """What the server sent: its name, and its data."""

    name: str
    data: str


class EventParser:
    """Lines to events. Fields that we have no use for (id, retry, comments) are passed over."""

    def __init__(self) -> None:
        self._name = ""
        self._data: list[str] = []

    def feed(self, line: str) -> Event | None:
        """Take a line without its end; the event, if it was the last of one."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._name = value
            elif name == "data":
                self._data.append(value)
            return None
        event = Event(self._name or "message", "\n".join(self._data)) if self._data else None
        self._name, self._data = "", []
        return event


class JobWatch:
    """What is known of a job while it is followed: told of lines and of broken connections, it says when to stop."""

    def __init__(self, on_progress: Callable[[Job], None] | None, retry: Retry) -> None:
        self._on_progress = on_progress
        self._retry = retry
        self._parser = EventParser()
        self._failures = 0

    def feed(self, line: str) -> Job | None:
        """Take a line; the job, once it has ended."""
        event = self._parser.feed(line)
        if event is None:
            return None
        self._failures = 0
        job = _job_of(event)
        if event.name == "end":
            return job
        if self._on_progress is not None:
            self._on_progress(job)
        return None

    def broke_off(self, error: UnreachableError | None) -> float:
        """Seconds to wait before asking again; raises the error if that was tried often enough."""
        self._parser = EventParser()
        if self._failures >= self._retry.times:
            raise error or UnreachableError("The server ends its events without saying how the job ended.")
        self._failures += 1
        return self._retry.pause_s(self._failures - 1)


def _job_of(event: Event) -> Job:
    try:
        return _JOB.validate_json(event.data)
    except ValidationError as error:
        raise SonoglotError(
            "The server's events are not understood: is it older than this client?",
            status=200,
            name="not-understood",
        ) from error
