"""Follows every request from outside: gives it an id, measures it, logs one line of it, and answers for our defects.

A defect is answered here, not by Starlette, whose own handler stands outside all middleware: its answer would have
neither id nor security headers, and nobody would have counted it.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.logs import request_id

HEADER = "X-Request-Id"
_ENCODED_HEADER = HEADER.lower().encode()
GONE = 499  # nobody was left to answer, as nginx has it
UNMATCHED = "unmatched"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_LONGEST_PATH = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What became of a request. ``route`` is the template, such as ``/v1/clips/{clip_id}``, so that there are few."""

    method: str
    route: str
    status: int
    seconds: float


class Observation:
    """ASGI middleware; ``on_answer`` hears of every request once its answer has been sent."""

    def __init__(self, app: ASGIApp, on_answer: Callable[[Answered], None]) -> None:
        self._app = app
        self._on_answer = on_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own_id = _id_of(scope)
        token = request_id.set(own_id)
        started = time.perf_counter()
        status = GONE

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_ENCODED_HEADER, own_id.encode())]
            await send(message)

        try:
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                if status != GONE:  # half of the answer is sent: all that is left is to break off
                    raise
                answer = problems.answer_unexpected(Request(scope), error)
                await answer(scope, receive, send_with_id)
        finally:
            self._tell(scope, status, time.perf_counter() - started)
            request_id.reset(token)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._on_answer(Answered(method=method, route=_route_of(scope), status=status, seconds=seconds))
        path = quote(scope["path"], errors="replace")[:_LONGEST_PATH]
        key = scope.get("state", {}).get("key")
        fields: dict[str, Any] = {
            "method": method,
            "path": path,
            "route": _route_of(scope),
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "key_id": None if key is None else key.key_id,
        }
        logger.info(
            "%s %s %d in %.1f ms, %s",
            method,
            path,
            status,
            fields["duration_ms"],
            "no key" if key is None else f"key {key.key_id}",
            extra={"fields": fields},
        )


def _id_of(scope: Scope) -> str:
    """The id that the request came with, if it is one, for it goes into headers and logs; else a new one."""
    given = Headers(scope=scope).get(HEADER, "")
    return given if _SANE.fullmatch(given) else uuid.uuid4().hex


def _route_of(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return UNMATCHED if path is None else path or "/"  # the page's files are mounted at the root
