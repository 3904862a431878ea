"""Lets a request pass or not: by its key, by how often that key asked, or because the server is only for this machine.

Open without keys on loopback, so that a first try needs none; closed on any other address. From the first key on, every
request needs one, wherever it comes from, also when all are revoked: else whoever revokes the only key, for it got into
wrong hands, would open everything. A key comes in ``Authorization: Bearer``, or in the page's cookie, which only a page
of the same origin may use for what changes anything.
"""

import ipaddress
from collections.abc import Callable
from functools import partial
from typing import Annotated, cast
from urllib.parse import SplitResult, urlsplit

from fastapi import Depends, Request
from fastapi.params import Depends as DependsParam
from fastapi.security import HTTPBearer
from fastapi.security.base import SecurityBase

from service.errors import ForbiddenError, NotAuthenticatedError, TooManyRequestsError
from service.keys import Key, Keys, Scope
from service.parameters import check_parameters
from service.rate_limit import RateLimiter
from service.threads import Threads

COOKIE = "sonoglot_key"
_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

_bearer = HTTPBearer(
    auto_error=False, description="A key of `sonoglot keys create`; none on loopback without keys."
)


class Access:
    """Decides for every request. ``is_local``: the server listens on loopback alone."""

    def __init__(self, keys: Keys, *, is_local: bool) -> None:
        self._keys = keys
        self._is_local = is_local
        self._limiter = RateLimiter()

    def asks_database(self) -> bool:
        """Whether letting a request pass means to wait for the database: not before there is anything in it."""
        return self._keys.may_hold_any()

    def check(self, text: str) -> Key:
        """The key that a text opens; NotAuthenticatedError if there is none that stands."""
        key = self._keys.check(text)
        if key is None:
            raise NotAuthenticatedError("The key is unknown or was revoked.")
        return key

    def admit(self, request: Request, *, bearer: str | None, needed: Scope) -> Key | None:
        """Let a request pass, with its key if it has one.

        Raises NotAuthenticatedError, ForbiddenError or TooManyRequestsError.
        """
        if bearer is None and not self._keys.any_were_made():
            self._admit_without_keys(request)
            return None
        text = bearer
        if text is None:
            text = request.cookies.get(COOKIE)
            if text is not None and not _is_same_origin(request):
                raise ForbiddenError("A page of another origin cannot use this page's key.")
        if text is None:
            raise NotAuthenticatedError("This server needs a key: send it as `Authorization: Bearer KEY`.")
        key = self.check(text)
        if not key.scope.includes(needed):
            raise ForbiddenError(f"The key may {key.scope}; this needs a key of scope {needed}.")
        self.charge(key, 1)
        return key

    def charge(self, key: Key | None, requests: int) -> None:
        """Count requests of a key, if it is one; TooManyRequestsError if it has asked too often."""
        if key is None or requests == 0:
            return
        wait_s = self._limiter.wait_s(key.key_id, per_minute=key.requests_per_minute, cost=requests)
        if wait_s > 0:
            raise TooManyRequestsError(
                f"The key may ask {key.requests_per_minute} times a minute.", retry_after_s=wait_s
            )

    def _admit_without_keys(self, request: Request) -> None:
        if not self._is_local:
            raise NotAuthenticatedError(
                "This server can be reached from other machines, and has no keys yet: make one with "
                "`sonoglot keys create --scope search`."
            )
        # A page elsewhere may give its own name this machine's address; its requests carry that name.
        asked = _parsed(f"//{request.headers.get('host', '')}")
        if asked is None or not is_loopback(asked.hostname or ""):
            raise ForbiddenError("Without keys, this server answers to localhost only.")
        if not _is_same_origin(request):
            raise ForbiddenError("Without keys, this server changes nothing for pages of another origin.")


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Admission(SecurityBase):
    """Reads a request's key, lets it pass or not, and then looks whether it asks for what its route has. All of that is
    one dependency, for each that FastAPI resolves takes a tenth of a millisecond."""

    def __init__(self, needed: Scope) -> None:
        self.model, self.scheme_name = _bearer.model, _bearer.scheme_name  # for the OpenAPI document
        self._needed = needed

    async def __call__(self, request: Request) -> Key | None:
        """The key, or None without one."""
        credentials = await _bearer(request)
        access, threads = await _access(request), cast(Threads, request.app.state.threads)
        bearer = None if credentials is None else credentials.credentials
        decide = partial(access.admit, request, bearer=bearer, needed=self._needed)
        request.state.key = await threads.look_up(decide) if access.asks_database() else decide()
        check_parameters(request)
        return request.state.key


def requires(scope: Scope) -> DependsParam:
    """A dependency of a route: only requests that may do this pass, and that have none but its query parameters."""
    return cast(DependsParam, Depends(_Admission(scope)))


async def _access(request: Request) -> Access:
    return cast(Access, request.app.state.access)


async def _charge(request: Request) -> Callable[[int], None]:
    access = await _access(request)
    return lambda requests: access.charge(request.state.key, requests)


AccessDependency = Annotated[Access, Depends(_access)]
Charge = Annotated[Callable[[int], None], Depends(_charge)]
"""Counts more requests of the key than the one that it asks with. For routes that ``requires`` a scope."""


def _is_same_origin(request: Request) -> bool:
    """Whether a browser's request comes from our own page; other programs send no origin."""
    origin = request.headers.get("origin")
    if request.method in _SAFE_METHODS or origin is None:
        return True
    parsed = _parsed(origin)
    return parsed is not None and parsed.netloc == request.headers.get("host", "")


def _parsed(address: str) -> SplitResult | None:
    """Its parts; None if it is no address, for headers may say anything."""
    try:
        return urlsplit(address)
    except ValueError:
        return None
