"""The page's own key: kept in a cookie that scripts cannot read and other sites cannot use, for audio elements send no
headers. So the page asks here what its key may do."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response, status

from service import examples, problems
from service.access import COOKIE, AccessDependency, requires
from service.endpoints.state import WorkerThreads
from service.keys import Key, Scope
from service.schemas import SessionOut

router = APIRouter(prefix="/v1/session", tags=["session"])

KeyInUse = Annotated[Key | None, requires(Scope.SEARCH)]
KeyText = Annotated[str, Form(min_length=1, max_length=200, description="A key of `sonoglot keys create`.")]


@router.get(
    "",
    summary="What may I do?",
    responses=examples.answer(examples.SESSION)
    | problems.responses(*problems.NOT_ADMITTED, problems.INVALID, problems.NOT_AVAILABLE),
)
async def get_session(key: KeyInUse) -> SessionOut:
    """Return the scope of the key that was sent or is in the page's cookie; all of it where none is needed. Without a
    key where one is needed, the answer is 401, as everywhere."""
    return SessionOut(scope=Scope.ADMIN if key is None else key.scope, needs_key=key is not None)


@router.post(
    "",
    summary="Open the page with a key",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.responses(
        problems.MALFORMED, problems.NO_KEY, problems.TOO_LARGE, problems.INVALID, problems.NOT_AVAILABLE
    ),
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
