"""Lets a library's name be one part of an address, whatever characters it has.

Servers decode an address before it is routed, and then a slash in a name (``%2F``) looks like one between parts. So of
addresses of libraries each part is decoded by itself, but for what would take it apart; ``decoded_name`` does the rest.
"""

from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = b"/v1/libraries/"


class LibraryPaths:
    """ASGI middleware that keeps encoded slashes, and the signs that encode, in addresses of libraries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path")
        if scope["type"] == "http" and raw is not None and raw.startswith(_PREFIX):
            parts = [unquote(part) for part in raw.decode("latin-1").split("/")]
            kept = [part.replace("%", "%25").replace("/", "%2F") for part in parts]
            scope = {**scope, "path": "/".join(kept)}
        await self._app(scope, receive, send)


def decoded_name(part: str) -> str:
    """A library's name, from the part of an address that ``LibraryPaths`` has left."""
    return unquote(part)


def address_of(name: str) -> str:
    """Where a library is, relative to the server's root."""
    return f"/v1/libraries/{quote(name, safe='')}"
