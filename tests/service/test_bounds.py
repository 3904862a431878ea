"""What a request may cost: bodies without a key, made-up cursors, files by their address, and questions with files."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from indexer.snapshot import Snapshot
from service.app import create_app
from service.database import open_database
from service.errors import OverloadedError
from service.held_bytes import HeldBytes
from service.keys import Keys, Scope
from service.limits import MAX_JSON_BYTES
from tests.service.helpers import client_of, png_bytes, wait_until_loaded, wav_bytes
from tests.service.test_questions import tampered

FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FILE_OF_A_FORM = b'--b\r\nContent-Disposition: form-data; name="key"; filename="a"\r\n\r\n'


def parts(total: int, *, first: bytes = b"") -> Iterator[bytes]:
    """A body that does not say how long it is."""
    yield first
    for _ in range(0, total, 65536):
        yield bytes(65536)


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/v1/search/batch", b'{"searches": "'),
        ("/v1/jobs", b'{"library": "'),
        ("/v1/session", FILE_OF_A_FORM),
    ],
)
def test_nobody_sends_more_than_a_question_without_a_key(tmp_path: Path, path: str, first: bytes) -> None:
    url = f"sqlite:///{tmp_path / 'keys.sqlite'}"
    Keys(open_database(tmp_path, url)).create(name="", scope=Scope.SEARCH, requests_per_minute=5)
    headers = FORM if first == FILE_OF_A_FORM else {"Content-Type": "application/json"}
    with client_of(create_app(store_dir=tmp_path / "store", database_url=url)) as client:
        answer = client.post(path, content=parts(2 * MAX_JSON_BYTES, first=first), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:sonoglot:problem:too-large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "1 MiB" in answer.json()["detail"]


def test_a_place_behind_everything_is_not_looked_for_for_ever(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    search = Snapshot.search_contents

    def counted(self: Snapshot, *given: Any, count: int, **named: Any) -> Any:
        looks.append(count)
        return search(self, *given, count=count, **named)

    first = client.post("/v1/search", json={"text": "rain", "k": 1}).json()
    monkeypatch.setattr(Snapshot, "search_contents", counted)
    answer = client.post("/v1/search", json={"cursor": tampered(first["next"], rank=1, score=-9)})
    assert (answer.status_code, answer.json()["hits"]) == (200, [])
    assert 1 <= len(looks) <= 3
    assert max(looks) < 100


def test_files_by_their_address_are_in_memory_two_at_a_time(client: TestClient) -> None:
    there: list[int] = []
    most = 0

    async def fetch(url: str, limit_bytes: int) -> bytes:
        nonlocal most
        there.append(1)
        most = max(most, len(there))
        for _ in range(10):  # others have their turn
            await asyncio.sleep(0)
        there.pop()
        return wav_bytes() if url.endswith(".wav") else png_bytes()

    state = client.app.state  # pyright: ignore[reportFunctionMemberAccess]
    before, state.fetch = state.fetch, fetch
    try:
        question = {
            "parts": [{"audio_url": "http://a/a.wav"}, {"image_url": "http://a/b.png", "weight": 0.5}]
        }
        answer = client.post("/v1/search/batch", json={"searches": [question] * 4})
    finally:
        state.fetch = before
    answers = answer.json()["answers"]
    assert [each["query"]["kind"] for each in answers] == ["mixture"] * 4
    assert all(each["hits"] == answers[0]["hits"] for each in answers)
    assert most == 2


def test_a_budget_lets_one_in_whatever_its_size_and_more_while_there_is_room() -> None:
    held = HeldBytes(most=100)
    with held.hold(500), pytest.raises(OverloadedError), held.hold(1):
        pass
    with held.hold(60), held.hold(40), pytest.raises(OverloadedError), held.hold(1):
        pass
    with held.hold(100):
        pass


def test_questions_with_files_are_refused_while_too_many_wait(client: TestClient) -> None:
    held = client.app.state.held_bytes  # pyright: ignore[reportFunctionMemberAccess]
    with held.hold(512 * 1024 * 1024):
        refused = client.post("/v1/search", files={"image": ("a.png", png_bytes())})
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:sonoglot:problem:overloaded")
    assert int(refused.headers["retry-after"]) > 0
    assert client.post("/v1/search", files={"image": ("a.png", png_bytes())}).status_code == 200


def test_the_largest_batch_that_is_allowed_is_answered_whole(client: TestClient) -> None:
    searches = [
        {"text": f"rain {number}", "without": [f"thunder {number} {each}" for each in range(16)]}
        for number in range(32)
    ]
    answer = client.post("/v1/search/batch", json={"searches": searches})
    answers = answer.json()["answers"]
    assert [each.get("query", {}).get("text") for each in answers] == [each["text"] for each in searches]


def test_a_large_vocabulary_counts_as_several_requests(store_dir: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'keys.sqlite'}"
    _, text = Keys(open_database(tmp_path, url)).create(name="", scope=Scope.SEARCH, requests_per_minute=4)
    with client_of(create_app(store_dir=store_dir, database_url=url)) as client:
        wait_until_loaded(client)
        headers = {"Authorization": f"Bearer {text}"}
        hit = client.post("/v1/search", json={"text": "rain"}, headers=headers).json()["hits"][0]
        tags = f"/v1/clips/{hit['clip_id']}/tags"
        asked = {"vocabulary": [f"word {number}" for number in range(129)]}
        assert client.post(tags, json=asked, headers=headers).status_code == 200
        assert client.post(tags, json={"vocabulary": ["x"]}, headers=headers).status_code == 429
