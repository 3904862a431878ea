"""The page's files, at the root: they take every request that no route answers.

Among those are addresses of the API that were asked with a wrong method. Files know only GET and HEAD, so it is said
here which methods there are.
"""

from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from re import Pattern
from typing import Any

from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send


class PageFiles(StaticFiles):
    """Serves a folder; ``openapi`` gives the document that has all addresses of the API."""

    def __init__(self, directory: Path, *, openapi: Callable[[], dict[str, Any]]) -> None:
        super().__init__(directory=directory, html=True)
        self._openapi = openapi

    @cached_property
    def _addresses(self) -> list[tuple[Pattern[str], set[str]]]:
        paths = self._openapi()["paths"]
        return [(compile_path(path)[0], {method.upper() for method in paths[path]}) for path in paths]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file, or say what else may be asked here."""
        allowed = [methods for pattern, methods in self._addresses if pattern.match(scope["path"])]
        if allowed:
            headers = {"Allow": ", ".join(sorted(set().union(*allowed)))}
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers=headers)
        await super().__call__(scope, receive, send)
