"""Fetching by address: what it refuses, and that it connects to what it checked. Against real servers on loopback."""

import asyncio
import gzip
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from service.errors import BodyTooLargeError, FetchFailedError, FetchRefusedError, ServiceError
from service.fetching import Fetcher, resolve

CONTENT = b"RIFF" + bytes(range(256)) * 100


class Site(BaseHTTPRequestHandler):
    """Answers by path, and keeps what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str]]
    headers_seen: list[dict[str, str]]
    release: threading.Event

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Host"]))
        self.headers_seen.append({name.lower(): value for name, value in self.headers.items()})
        kind, _, rest = self.path[1:].partition("/")
        match kind:
            case "content":
                self._answer(200, CONTENT)
            case "chunked":
                self._chunked()
            case "to":
                self._answer(302, b"", Location=rest)
            case "again":
                self._answer(302, b"", Location=f"/again/{int(rest) - 1}" if int(rest) else "/content")
            case "nowhere":
                self._answer(302, b"")
            case "gzip":
                self._answer(200, gzip.compress(bytes(10_000_000)), **{"Content-Encoding": "gzip"})
            case "short":
                self._answer(200, b"half", length=8)
            case "slow":
                self.send_response(200)
                self.end_headers()
                self.release.wait(30)
            case _:
                self._answer(404, b"")

    def _answer(self, status: int, body: bytes, *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Set-Cookie", "secret=1")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT))

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server:
    """A site at a port of 127.0.0.1, or with a certificate for example.org."""

    def __init__(self, authority: trustme.CA | None = None) -> None:
        self.release = threading.Event()
        self.handler = type("Handler", (Site,), {"asked": [], "headers_seen": [], "release": self.release})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("example.org").configure_cert(context)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)

    @property
    def port(self) -> int:
        return self.http.server_address[1]

    @property
    def asked(self) -> list[tuple[str, str]]:
        return self.handler.asked


@contextmanager
def running(authority: trustme.CA | None = None) -> Iterator[Server]:
    server = Server(authority)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.release.set()
    server.http.shutdown()
    server.http.server_close()
    thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as started:
        yield started


class Names:
    """A resolver of its own: each name's answers, the last of which stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def __call__(self, name: str, port: int) -> Sequence[str]:
        self.asked.append(name)
        held = self._answers.get(name.partition(".")[0])
        if held is None:
            raise socket.gaierror("no such name")
        return held.pop(0) if len(held) > 1 else held[0]


def on_loopback(address: str) -> bool:
    """Stands in for "public": 127.0.0.1 alone, so that 127.0.0.2 is a network of ours."""
    return ipaddress.ip_address(address) == ipaddress.ip_address("127.0.0.1")


def fetcher(names: Names | None = None, **settings: float) -> Fetcher:
    names = names or Names(example=[["127.0.0.1"]])
    return Fetcher(resolve=names, is_allowed=on_loopback, **settings)


def fetch(url: str, *, by: Fetcher | None = None, limit_bytes: int = 10**6) -> bytes:
    return asyncio.run((by or fetcher()).fetch(url, limit_bytes))


@pytest.mark.parametrize(
    "path", ["content", "chunked", "again/0", "again/4", "to///example.org:{port}/content"]
)
def test_content_is_fetched_through_redirects(server: Server, path: str) -> None:
    url = f"http://example.org:{server.port}/{path.format(port=server.port)}"
    assert fetch(url) == CONTENT
    assert {host for _, host in server.asked} == {f"example.org:{server.port}"}
    for headers in server.handler.headers_seen:
        assert not headers.keys() & {"cookie", "authorization", "referer"}


def test_a_name_is_asked_once_a_hop_and_what_was_checked_is_connected_to(server: Server) -> None:
    names = Names(example=[["127.0.0.1"], ["127.0.0.2"]])
    assert fetch(f"http://example.org:{server.port}/content", by=fetcher(names)) == CONTENT
    assert names.asked == ["example.org"]
    with pytest.raises(FetchRefusedError, match="not public"):
        fetch(f"http://example.org:{server.port}/content", by=fetcher(names))


def test_every_hop_is_checked(server: Server) -> None:
    names = Names(example=[["127.0.0.1"]], inside=[["127.0.0.2"]])
    with pytest.raises(FetchRefusedError, match=r"inside\.example is in a network"):
        fetch(f"http://example.org:{server.port}/to/http://inside.example/", by=fetcher(names))
    assert names.asked == ["example.org", "inside.example"]
    names = Names(example=[["127.0.0.1"], ["127.0.0.2"]])  # bound anew between two hops
    with pytest.raises(FetchRefusedError):
        fetch(f"http://example.org:{server.port}/again/0", by=fetcher(names))
    assert [path for path, _ in server.asked].count("/content") == 0


def test_one_bad_address_among_good_ones_is_enough(server: Server) -> None:
    names = Names(example=[["127.0.0.1", "127.0.0.2"]])
    with pytest.raises(FetchRefusedError):
        fetch(f"http://example.org:{server.port}/content", by=fetcher(names))
    assert server.asked == []


def test_another_address_is_tried_where_nobody_answers(server: Server) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.3", 0))  # bound, and nobody listens
        by = Fetcher(
            resolve=Names(example=[["127.0.0.3", "127.0.0.1"]]), is_allowed=lambda address: address != "::1"
        )
        assert fetch(f"http://example.org:{server.port}/content", by=by) == CONTENT


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.org/a", "gopher://example.org/", "//example.org/a", "/etc/passwd",
        "", "http://", "http:///a", "https://a:b@example.org/", "http://example.org:99999/", "http://[::1",
        "http://example.org/\n", "data:text/plain,x", "http://" + "a" * 5000, "javascript:1",
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    names = Names(example=[["127.0.0.1"]])
    with pytest.raises(FetchRefusedError):
        fetch(url, by=fetcher(names))
    assert names.asked == []


@pytest.mark.parametrize("scheme", ["file:///etc/passwd", "ftp://example.org/", "http://u:p@example.org/"])
def test_a_redirect_to_such_is_refused_too(server: Server, scheme: str) -> None:
    with pytest.raises(FetchRefusedError):
        fetch(f"http://example.org:{server.port}/to/{scheme}")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "0"]
)
def test_this_machine_is_refused_however_it_is_written(server: Server, host: str) -> None:
    with pytest.raises(ServiceError) as caught:
        asyncio.run(Fetcher().fetch(f"http://{host}:{server.port}/content", 10**6))
    # Some of these are no names, where the system's resolver does not take them for addresses.
    assert isinstance(caught.value, FetchRefusedError | FetchFailedError)
    assert "127.0.0.1" not in str(caught.value).replace(host.strip("[]"), "")
    assert server.asked == []


def test_the_systems_resolver_knows_this_machine() -> None:
    assert set(asyncio.run(resolve("localhost", 80))) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "answered 404"),
        ("nowhere", "nowhere"),
        ("again/9", "more than 5 times"),
        ("gzip", "compressed"),
        ("short", "broke off"),
    ],
)
def test_what_cannot_be_used_is_told(server: Server, path: str, reason: str) -> None:
    with pytest.raises(FetchFailedError, match=reason):
        fetch(f"http://example.org:{server.port}/{path}")


def test_an_unknown_name_and_a_dead_port_are_told(server: Server) -> None:
    with pytest.raises(FetchFailedError, match="cannot be found"):
        fetch("http://unknown.example/")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(FetchFailedError, match="cannot be reached"):
            fetch(f"http://example.org:{unused.getsockname()[1]}/")


@pytest.mark.parametrize("path", ["content", "chunked"])
def test_the_limit_holds_whatever_the_size_that_is_claimed(server: Server, path: str) -> None:
    url = f"http://example.org:{server.port}/{path}"
    assert len(fetch(url, limit_bytes=len(CONTENT))) == len(CONTENT)
    with pytest.raises(BodyTooLargeError):
        fetch(url, limit_bytes=len(CONTENT) - 1)


def test_the_whole_has_a_time_limit(server: Server) -> None:
    with pytest.raises(FetchFailedError, match="longer than"):
        fetch(f"http://example.org:{server.port}/slow", by=fetcher(total_timeout_s=0.2))


def test_a_certificate_must_be_for_the_name() -> None:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    names = Names(example=[["127.0.0.1"]], other=[["127.0.0.1"]])
    with running(authority) as server:
        url = f"https://example.org:{server.port}/content"
        by = Fetcher(resolve=names, is_allowed=on_loopback, tls=trusting)
        assert fetch(url, by=by) == CONTENT
        with pytest.raises(FetchFailedError):
            fetch(url.replace("example.org", "other.org"), by=by)
        with pytest.raises(FetchFailedError):
            fetch(url, by=fetcher(names))  # a stranger's authority
