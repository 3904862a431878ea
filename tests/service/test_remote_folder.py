"""Prefixes of object stores, copied: what is fetched, what is kept, what goes; over two of fsspec's file systems."""

import os
from collections.abc import Iterator
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


@pytest.mark.parametrize("url", ["nonsense://bucket/x", "dropbox://bucket/x"])
def test_a_store_that_cannot_be_asked_is_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match=url):
        mirror(url, tmp_path, check=nothing_to_check)
