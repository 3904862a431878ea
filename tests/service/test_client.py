"""The client, in both its forms, against the real app over HTTP."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from fastapi.testclient import TestClient

from service.app import create_app
from service.database import open_database
from service.keys import Keys, Scope
from sonoglot.client import AsyncClient, Client, Hit, Retry, SearchAnswer, SonoglotError, UnreachableError
from tests.service.helpers import png_bytes, wav_bytes
from tests.service.http_server import listening

Ask = Callable[..., Any]
"""Calls a method by its name on a client of its own, and waits for the answer."""


def ask_client(url: str, method: str, *args: Any, key: str | None = None, **options: Any) -> Any:
    with Client(url, key=key, retry=Retry(times=0)) as client:
        return getattr(client, method)(*args, **options)


def ask_async_client(url: str, method: str, *args: Any, key: str | None = None, **options: Any) -> Any:
    async def ask() -> Any:
        async with AsyncClient(url, key=key, retry=Retry(times=0)) as client:
            return await getattr(client, method)(*args, **options)

    return asyncio.run(ask())


@pytest.fixture(params=[ask_client, ask_async_client], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    return request.param


@pytest.fixture(scope="module")
def url(client: TestClient) -> Iterator[str]:
    with listening(client.app, lifespan="off") as address:
        yield address


def test_words_find_what_the_api_finds(ask: Ask, url: str, client: TestClient) -> None:
    answer = ask(url, "search", "ein Hund bellt", lang="de", library="weather", k=2)
    assert isinstance(answer, SearchAnswer)
    told = client.post("/v1/search", json={"text": "ein Hund bellt", "library": "weather", "k": 2}).json()
    assert [(hit.clip_id, hit.rank) for hit in answer.hits] == [
        (hit["clip_id"], hit["rank"]) for hit in told["hits"]
    ]
    assert answer.model == told["model"]
    assert answer.query["lang"] == "de"
    assert isinstance(answer.hits[0], Hit)
    assert answer.hits[0].end_s > answer.hits[0].start_s


def test_filters_count(ask: Ask, url: str) -> None:
    assert ask(url, "search", "rain", tags=["nobody has this tag"]).hits == ()
    assert len(ask(url, "search", "rain", max_duration_s=5.5).hits) == 2


def test_a_file_is_its_path_or_its_content(ask: Ask, url: str, tmp_path: Path) -> None:
    for name, content in (("image", png_bytes()), ("audio", wav_bytes())):
        path = tmp_path / f"{name}.bin"
        path.write_bytes(content)
        by_path = ask(url, "search", k=3, library="foley", **{name: path})
        by_content = ask(url, "search", k=3, library="foley", **{name: content})
        assert [hit.score for hit in by_path.hits] == [hit.score for hit in by_content.hits]
        assert len(by_path.hits) == 2


def test_a_clip_is_described_downloaded_and_searched_with(ask: Ask, url: str, tmp_path: Path) -> None:
    hit = ask(url, "search", "rain", library="foley").hits[0]
    clip = ask(url, "clip", hit.clip_id)
    assert (clip.path, clip.library, clip.status) == (hit.path, "foley", "indexed")
    assert hit.clip_id not in {found.clip_id for found in ask(url, "search", clip_id=hit.clip_id).hits}
    own = ask(url, "download", hit.clip_id, tmp_path / "own")
    assert own.read_bytes() == Path(clip.path).read_bytes()
    wav = ask(url, "download", hit.clip_id, str(tmp_path / "wav"), as_wav=True)
    assert soundfile.info(wav).samplerate == 44_100


def test_libraries_are_listed(ask: Ask, url: str) -> None:
    assert [(library.name, library.clips) for library in ask(url, "libraries")] == [
        ("foley", 2),
        ("weather", 3),
    ]


def test_a_problem_is_an_error_with_all_that_was_said(ask: Ask, url: str, tmp_path: Path) -> None:
    with pytest.raises(SonoglotError) as caught:
        ask(url, "clip", "none/../such?a#b")
    assert (caught.value.status, caught.value.name) == (404, "not-found")
    with pytest.raises(SonoglotError, match="none") as caught:
        ask(url, "clip", "none")
    assert (caught.value.status, caught.value.name) == (404, "unknown-clip")
    assert caught.value.request_id
    with pytest.raises(SonoglotError) as caught:
        ask(url, "search", "rain", k=0)
    assert caught.value.status == 422
    assert [error.field for error in caught.value.errors] == ["k"]
    with pytest.raises(SonoglotError):
        ask(url, "download", "none", tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("options", [{"image": b"x", "clip_id": "a"}, {"image_weight": 2.0}])
def test_what_cannot_be_asked_together_is_not_sent(ask: Ask, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be asked"):
        ask("http://nobody.invalid", "search", "rain", **options)


def test_nobody_there(ask: Ask) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError, match="no answer from"):
            ask(f"http://127.0.0.1:{unused.getsockname()[1]}", "libraries")


def test_a_key_is_sent(ask: Ask, tmp_path: Path) -> None:
    _, key = Keys(open_database(tmp_path, None)).create(name="", scope=Scope.SEARCH)
    with listening(create_app(store_dir=tmp_path), lifespan="off") as url:
        with pytest.raises(SonoglotError) as caught:
            ask(url, "libraries")
        assert caught.value.name == "no-key"
        with pytest.raises(SonoglotError) as caught:
            ask(url, "libraries", key=key)
        assert (caught.value.name, caught.value.retry_after_s) == ("loading", 1)
