"""What both clients do around a request: open its files, name its parts, read its answer."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx
from pydantic import ValidationError

from sonoglot.client.calls import Call
from sonoglot.client.errors import SonoglotError, UnreachableError
from sonoglot.client.options import File

T = TypeVar("T")


def headers(key: str | None) -> dict[str, str]:
    """Headers of every request."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}


@contextmanager
def arguments(call: Call[Any]) -> Iterator[dict[str, Any]]:
    """What ``build_request`` takes. Files are open until the end. Raises OSError if one cannot be read."""
    with ExitStack() as opened:
        files = [(name, _content(file, opened)) for name, file in call.files]
        yield {
            "method": call.method,
            "url": call.path,
            "params": call.params or None,
            "json": call.json,
            "data": call.data,
            "files": files or None,
        }


def _content(file: File, opened: ExitStack) -> tuple[str, bytes | IO[bytes]]:
    if isinstance(file, bytes):
        return "upload", file
    path = Path(os.fspath(file))
    return path.name, opened.enter_context(path.open("rb"))


@contextmanager
def reachable(url: httpx.URL) -> Iterator[None]:
    """Say in our words that there was no answer. Raises UnreachableError."""
    try:
        yield
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise UnreachableError(f"There is no answer from {url}: {reason}.") from error


def answer(call: Call[T], response: httpx.Response) -> T:
    """What a good answer says. Raises SonoglotError if it is none of a Sonoglot server of this version."""
    try:
        return call.read(response.json() if response.content else None)
    except (ValidationError, ValueError, LookupError, TypeError) as error:
        raise SonoglotError(
            f"The answer to {call.method} {call.path} is not understood: is it a Sonoglot server, and no older "
            "than this client?",
            status=response.status_code,
            name="not-understood",
            request_id=response.headers.get("x-request-id"),
        ) from error
