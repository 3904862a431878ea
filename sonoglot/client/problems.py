"""Reads problem documents, and decides when to ask again."""

from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import TypeAdapter, ValidationError

from sonoglot.client.errors import FieldError, SonoglotError

_TYPE = "urn:sonoglot:problem:"
_FIELDS = TypeAdapter(tuple[FieldError, ...])


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often and how long to wait where a server is busy (429) or not ready (503). Such requests did nothing."""

    times: int = 3
    longest_wait_s: float = 30.0

    def wait_s(self, error: SonoglotError, attempt: int) -> float | None:
        """Seconds until the next attempt; None: there is none. ``attempt`` counts from 0."""
        if error.status not in (429, 503) or attempt >= self.times:
            return None
        wait_s = self.pause_s(attempt) if error.retry_after_s is None else error.retry_after_s
        return wait_s if wait_s <= self.longest_wait_s else None

    def pause_s(self, attempt: int) -> float:
        """Seconds to wait where nobody says how long."""
        return min(0.5 * 2.0**attempt, self.longest_wait_s)


def error_in(response: httpx.Response) -> SonoglotError:
    """The problem of an answer that has one; its body must have been read."""
    try:
        document = response.json()
    except ValueError:
        document = None
    request_id = response.headers.get("x-request-id")
    if not isinstance(document, dict):
        detail = f"The server answered {response.status_code} {response.reason_phrase}."
        return SonoglotError(
            detail, status=response.status_code, name="no-problem-document", request_id=request_id
        )
    error = error_of({"status": response.status_code, "request_id": request_id, **document})
    given = response.headers.get("retry-after", "")
    error.retry_after_s = float(given) if given.isdecimal() else None
    return error


def error_of(document: dict[str, Any]) -> SonoglotError:
    """A problem document as an error."""
    try:
        fields = _FIELDS.validate_python(document.get("errors") or ())
    except ValidationError:
        fields = ()
    return SonoglotError(
        str(document.get("detail", "")),
        status=int(document.get("status", 0)),
        name=str(document.get("type", "")).removeprefix(_TYPE),
        title=str(document.get("title", "")),
        errors=fields,
        request_id=document.get("request_id"),
    )
