"""Fetches a picture or a sound by its address, for a server whose operator allows it (``sonoglot serve --fetch-urls``).

Whoever asks could name an address that only this server can reach. So at every hop the name is resolved once, refused
if any of its addresses is not public, and the connection goes to an address that was checked, not to the name again,
which may mean something else by then. No proxy, no environment, no cookies, no credentials.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from service.errors import BodyTooLargeError, FetchFailedError, FetchRefusedError
from service.public_addresses import is_public

MAX_REDIRECTS = 5
MAX_URL_LENGTH = 4096
STEP_TIMEOUT_S = 10.0
"""To connect, and between two pieces of the answer."""
TOTAL_TIMEOUT_S = 60.0
MIB = 1024 * 1024

_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = {
    "User-Agent": "sonoglot",
    "Accept-Encoding": "identity",  # what is compressed has no size that can be bounded while it arrives
    "Connection": "close",
}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A name and a port to addresses. Raises OSError."""


async def resolve(name: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class _Hop:
    """An address to ask, with the addresses that it may be asked at."""

    url: httpx.URL
    addresses: Sequence[str]


class Fetcher:
    """Fetches over HTTP and HTTPS. ``resolve``, ``is_allowed`` and ``tls`` are for tests, which have no public
    addresses and no certificates that anybody else trusts."""

    def __init__(
        self,
        *,
        resolve: Resolve = resolve,
        is_allowed: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._total_timeout_s = total_timeout_s
        self._tls = tls or httpx.create_ssl_context(trust_env=False)

    async def fetch(self, url: str, limit_bytes: int) -> bytes:
        """What is at an address, at most so many bytes of it.

        Raises:
            FetchRefusedError: it is no HTTP address, or it leads to a network that is not public.
            FetchFailedError: nothing that can be used was there, or not in time.
            BodyTooLargeError: it is larger than the limit.
        """
        try:
            async with asyncio.timeout(self._total_timeout_s):
                return await self._follow(_parsed(url), limit_bytes)
        except TimeoutError as error:
            raise FetchFailedError(
                f"The address took longer than {self._total_timeout_s:.0f} seconds."
            ) from error

    async def _follow(self, url: httpx.URL, limit_bytes: int) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._ask(_Hop(url, await self._checked(url)), limit_bytes)
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise FetchFailedError(f"The address leads on more than {MAX_REDIRECTS} times.")

    async def _checked(self, url: httpx.URL) -> Sequence[str]:
        try:
            addresses = await self._resolve(_ascii_host(url), url.port or _default_port(url))
        except (OSError, UnicodeError) as error:
            raise FetchFailedError(f"The name {url.host} cannot be found.") from error
        # One bad address among good ones is no accident.
        if not addresses or not all(self._is_allowed(address) for address in addresses):
            raise FetchRefusedError(
                f"{url.host} is in a network that is not public; nothing is fetched there."
            )
        return addresses

    async def _ask(self, hop: _Hop, limit_bytes: int) -> bytes | httpx.URL:
        """The content, or where it is instead."""
        failure: httpx.TransportError | None = None
        for address in hop.addresses:
            try:
                return await self._ask_at(address, hop.url, limit_bytes)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error  # another of its addresses may do
            except httpx.HTTPError as error:
                raise FetchFailedError(
                    f"The server at {hop.url.host} broke off, or took too long."
                ) from error
        raise FetchFailedError(f"The server at {hop.url.host} cannot be reached.") from failure

    async def _ask_at(self, address: str, url: httpx.URL, limit_bytes: int) -> bytes | httpx.URL:
        pinned = url.copy_with(host=address, fragment=None)
        headers = {**_HEADERS, "Host": url.netloc.decode("ascii")}
        # The certificate is checked against the name, not against the address that is connected to.
        extensions = {"sni_hostname": _ascii_host(url)}
        async with (
            httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=STEP_TIMEOUT_S) as client,
            client.stream("GET", pinned, headers=headers, extensions=extensions) as answer,
        ):
            if answer.status_code in _REDIRECTS:
                return _onward(answer, url)
            if answer.status_code != httpx.codes.OK:
                raise FetchFailedError(f"The server at {url.host} answered {answer.status_code}.")
            if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise FetchFailedError(f"The server at {url.host} sends compressed content unasked.")
            return await _read(answer, limit_bytes)


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        port = urlsplit(url).port  # which httpx does not check
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise FetchRefusedError("The address is not a valid URL.") from error
    if len(url) > MAX_URL_LENGTH or parsed.scheme not in ("http", "https") or not parsed.host or port == 0:
        raise FetchRefusedError("Only addresses that begin with http:// or https:// are fetched.")
    if parsed.userinfo:
        raise FetchRefusedError("An address with a user name or password is not fetched.")
    return parsed


def _default_port(url: httpx.URL) -> int:
    return 443 if url.scheme == "https" else 80


def _ascii_host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _onward(answer: httpx.Response, url: httpx.URL) -> httpx.URL:
    location = answer.headers.get("location")
    if not location:
        raise FetchFailedError(f"The server at {url.host} leads on to nowhere.")
    try:
        return _parsed(str(url.join(location)))
    except httpx.InvalidURL as error:
        raise FetchFailedError(f"The server at {url.host} leads on to what is no address.") from error


async def _read(answer: httpx.Response, limit_bytes: int) -> bytes:
    too_large = BodyTooLargeError(f"What is at the address exceeds {limit_bytes / MIB:.4g} MiB.")
    claimed = answer.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > limit_bytes:
        raise too_large
    content = bytearray()
    async for piece in answer.aiter_raw():
        content += piece
        if len(content) > limit_bytes:
            raise too_large
    return bytes(content)
