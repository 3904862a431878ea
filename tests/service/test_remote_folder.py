"""Prefixes of object stores, copied: what is fetched, what is kept, what goes; over three of fsspec's file systems."""

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from service.errors import SourceError
from service.remote_folder import mirror


def nothing_to_check() -> None:
    pass


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A prefix with two sounds, a table, and what is no sound."""
    url = f"memory://{tmp_path.name}/free" if request.param == "memory" else f"file://{tmp_path}/bucket/free"
    put(url, "a.wav", b"one")
    put(url, "deep/er/b.flac", b"two")
    put(url, "metadata.csv", b"file,title\n")
    put(url, "notes.txt", b"no sound")
    put(url, ".hidden/c.wav", b"hidden")
    yield url
    files, root = fsspec.url_to_fs(url)
    files.rm(root, recursive=True)


def put(url: str, name: str, content: bytes) -> None:
    files, root = fsspec.url_to_fs(f"{url}/{name}")
    files.makedirs(os.path.dirname(root), exist_ok=True)
    files.pipe_file(root, content)


def remove(url: str, name: str) -> None:
    files, root = fsspec.url_to_fs(f"{url}/{name}")
    files.rm_file(root)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_sounds_and_tables_are_copied_and_kept_up_to_date(url: str, tmp_path: Path) -> None:
    folder = mirror(url, tmp_path / "remote", check=nothing_to_check)
    assert contents(folder) == {"a.wav": b"one", "deep/er/b.flac": b"two", "metadata.csv": b"file,title\n"}
    kept = (folder / "a.wav").stat()
    put(url, "deep/er/b.flac", b"other")
    put(url, "new.ogg", b"three")
    remove(url, "metadata.csv")
    assert mirror(url, tmp_path / "remote", check=nothing_to_check) == folder
    assert contents(folder) == {"a.wav": b"one", "deep/er/b.flac": b"other", "new.ogg": b"three"}
    assert (folder / "a.wav").stat() == kept, "what has not changed is not fetched again"
    (folder / "a.wav").unlink()
    mirror(url, tmp_path / "remote", check=nothing_to_check)
    assert contents(folder)["a.wav"] == b"one"


def test_an_interrupted_copy_goes_on(url: str, tmp_path: Path) -> None:
    checks = 0

    def interrupt() -> None:
        nonlocal checks
        checks += 1
        if checks == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mirror(url, tmp_path / "remote", check=interrupt)
    (folder,) = (tmp_path / "remote").iterdir()
    first = (folder / "a.wav").stat()
    assert set(contents(folder)) == {"a.wav"}
    mirror(url, tmp_path / "remote", check=nothing_to_check)
    assert (folder / "a.wav").stat() == first
    assert set(contents(folder)) == {"a.wav", "deep/er/b.flac", "metadata.csv"}


def test_prefixes_have_folders_of_their_own(url: str, tmp_path: Path) -> None:
    whole = mirror(url, tmp_path / "remote", check=nothing_to_check)
    part = mirror(f"{url}/deep", tmp_path / "remote", check=nothing_to_check)
    assert whole != part
    assert set(contents(part)) == {"er/b.flac"}


def test_too_much_is_refused_before_anything_is_copied(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="longer prefix"):
        mirror(url, tmp_path / "remote", check=nothing_to_check, most_bytes=10)
    assert not (tmp_path / "remote").exists()


def test_a_prefix_that_is_gone_loses_nothing(url: str, tmp_path: Path) -> None:
    folder = mirror(url, tmp_path / "remote", check=nothing_to_check)
    held = contents(folder)
    files, root = fsspec.url_to_fs(url)
    files.mv(root, root + "-elsewhere", recursive=True)
    with pytest.raises(SourceError, match="is nothing there"):
        mirror(url, tmp_path / "remote", check=nothing_to_check)
    assert contents(folder) == held
    files.mv(root + "-elsewhere", root, recursive=True)


class Web:
    """A web server that lists the files below a folder."""

    def __init__(self, folder: Path, *, tells_versions: bool) -> None:
        fetched: list[str] = []

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                fetched.append(self.path)
                super().do_GET()

            def send_header(self, keyword: str, value: str) -> None:
                if tells_versions or keyword not in ("Last-Modified", "Content-Length"):
                    super().send_header(keyword, value)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.fetched = fetched
        self.folder = folder
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}/free/"

    def put(self, name: str, content: bytes, *, time_s: int) -> None:
        path = self.folder / "free" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (time_s, time_s))


@pytest.fixture(params=[True, False], ids=["versions", "no versions"])
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Web]:
    web = Web(tmp_path / "web", tells_versions=request.param)
    web.put("a.wav", b"one", time_s=1_000_000_000)
    web.put("deep/b.wav", b"two", time_s=1_000_000_000)
    thread = threading.Thread(target=web.server.serve_forever, args=(0.01,))
    thread.start()
    yield web
    web.server.shutdown()
    thread.join()
    web.server.server_close()


def test_what_is_replaced_on_a_web_server_is_copied_again(
    web: Web, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = mirror(web.url, tmp_path / "remote", check=nothing_to_check)
    assert contents(folder) == {"a.wav": b"one", "deep/b.wav": b"two"}
    web.put("deep/b.wav", b"new", time_s=1_100_000_000)  # as large as before
    kept = (folder / "a.wav").stat()
    mirror(web.url, tmp_path / "remote", check=nothing_to_check)
    assert contents(folder) == {"a.wav": b"one", "deep/b.wav": b"new"}
    is_kept = (folder / "a.wav").stat() == kept
    assert is_kept == (request.node.callspec.id == "versions"), "without a version it is fetched again"


def test_what_tells_no_size_is_counted_while_it_is_copied(web: Web, tmp_path: Path) -> None:
    web.put("c.wav", bytes(4_000_000), time_s=1_000_000_000)
    with pytest.raises(SourceError, match="longer prefix"):
        mirror(web.url, tmp_path / "remote", check=nothing_to_check, most_bytes=2_000_000)
    (folder,) = (tmp_path / "remote").iterdir()
    assert {path.name for path in folder.iterdir()} == {"a.wav", ".mirror.json"}
    mirror(web.url, tmp_path / "remote", check=nothing_to_check)
    assert set(contents(folder)) == {"a.wav", "c.wav", "deep/b.wav"}


@pytest.mark.parametrize("url", ["nonsense://bucket/x", "dropbox://bucket/x"])
def test_a_store_that_cannot_be_asked_is_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match=url):
        mirror(url, tmp_path, check=nothing_to_check)
