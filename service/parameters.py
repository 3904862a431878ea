"""Refuses query parameters that an operation does not have: a misspelt one would change nothing, without a word."""

from typing import cast

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends as DependsParam
from fastapi.routing import APIRoute

from service.errors import InvalidRequestError

_MOST_SHOWN = 40


async def _only_known(request: Request) -> None:
    if not request.query_params:
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


ONLY_KNOWN_PARAMETERS = cast(DependsParam, Depends(_only_known))
"""A dependency of routers."""
