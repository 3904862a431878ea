"""Refuses query parameters that an operation does not have: a misspelt one would change nothing, without a word."""

from typing import cast

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from service.errors import InvalidRequestError

_MOST_SHOWN = 40


def check_parameters(request: Request) -> None:
    """Raises InvalidRequestError if the route of a request lacks one of its query parameters."""
    if not request.scope["query_string"]:
        return
    known = _names(cast(APIRoute, request.scope["route"]).dependant)
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        there_are = f"There are: {', '.join(sorted(known))}." if known else "There are none."
        raise InvalidRequestError(
            f"There is no query parameter {unknown[:_MOST_SHOWN]!r} here. {there_are}",
            field=unknown[:_MOST_SHOWN],
        )


def _names(needed: Dependant) -> set[str]:
    own = {field.alias for field in needed.query_params}
    return own.union(*(_names(inner) for inner in needed.dependencies))
