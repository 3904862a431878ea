"""Bounds what a request may send before anybody looks at its key.

FastAPI reads a declared body whole before any dependency runs, and so before a key is checked. Operations that take
files read their bodies themselves and count (``service.body``, ``service.multipart_files``); all others get no more
than a question in JSON may have.
"""

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from service.body import counting
from service.limits import MAX_JSON_BYTES

_TAKES_FILES = re.compile(r"/v1/(search|libraries/[^/]+/uploads)")
_TOO_LARGE = f"The body exceeds {MAX_JSON_BYTES >> 20} MiB."


class SmallBodies:
    """ASGI middleware; the body of an operation without files ends with a 413 beyond the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _TAKES_FILES.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        too_large = HTTPException(413, _TOO_LARGE)  # the one kind that FastAPI lets through while it reads
        await self._app(scope, counting(receive, MAX_JSON_BYTES, too_large), send)
