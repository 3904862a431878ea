"""The page's own key: kept in a cookie that scripts cannot read and other sites cannot use, for audio elements send no
headers."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response, status

from service import problems
from service.access import COOKIE, AccessDependency
from service.endpoints.state import WorkerThreads

router = APIRouter(prefix="/v1/session", tags=["session"])

KeyText = Annotated[str, Form(min_length=1, max_length=200, description="A key of `sonoglot keys create`.")]


@router.post(
    "",
    summary="Open the page with a key",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.responses(problems.NO_KEY, problems.INVALID, problems.NOT_AVAILABLE),
)
async def open_session(
    key: KeyText, request: Request, response: Response, access: AccessDependency, threads: WorkerThreads
) -> None:
    """Keep the key in a cookie of this page, if it opens anything."""
    await threads.look_up(lambda: access.check(key))
    response.set_cookie(
        COOKIE, key, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/"
    )


@router.delete("", summary="Forget the page's key", status_code=status.HTTP_204_NO_CONTENT)
async def close_session(response: Response) -> None:
    """Take the cookie away."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", path="/")
