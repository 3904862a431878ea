"""Who may ask for what: every route, asked by everybody; and what a server without keys answers to whom."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from service.app import create_app
from service.database import KeyRow, open_database
from service.errors import UnknownKeyError
from service.keys import Keys, Scope
from service.rate_limit import RateLimiter
from tests.service.helpers import client_of

PUBLIC = {("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/v1/session"), ("DELETE", "/v1/session")}
NEEDS = {
    ("GET", "/metrics"): Scope.ADMIN,
    ("GET", "/v1/session"): Scope.SEARCH,
    ("POST", "/v1/search"): Scope.SEARCH,
    ("POST", "/v1/search/batch"): Scope.SEARCH,
    ("GET", "/v1/libraries"): Scope.SEARCH,
    ("GET", "/v1/libraries/{name}/map"): Scope.SEARCH,
    ("POST", "/v1/libraries"): Scope.INDEX,
    ("GET", "/v1/libraries/{name}"): Scope.SEARCH,
    ("DELETE", "/v1/libraries/{name}"): Scope.ADMIN,
    ("GET", "/v1/libraries/{name}/clips"): Scope.SEARCH,
    ("GET", "/v1/libraries/{name}/facets"): Scope.SEARCH,
    ("POST", "/v1/libraries/{name}/uploads"): Scope.INDEX,
    ("PATCH", "/v1/clips/{clip_id}"): Scope.INDEX,
    ("DELETE", "/v1/clips/{clip_id}"): Scope.INDEX,
    ("GET", "/v1/clips/{clip_id}/peaks"): Scope.SEARCH,
    ("POST", "/v1/clips/{clip_id}/tags"): Scope.SEARCH,
    ("GET", "/v1/clips/{clip_id}"): Scope.SEARCH,
    ("GET", "/v1/clips/{clip_id}/audio"): Scope.SEARCH,
    ("GET", "/v1/clips/{clip_id}/audio.wav"): Scope.SEARCH,
    ("GET", "/v1/clips/{clip_id}/waveform"): Scope.SEARCH,
    ("POST", "/v1/jobs"): Scope.INDEX,
    ("GET", "/v1/jobs"): Scope.SEARCH,
    ("GET", "/v1/jobs/{job_id}"): Scope.SEARCH,
    ("GET", "/v1/jobs/{job_id}/events"): Scope.SEARCH,
    ("POST", "/v1/jobs/{job_id}/cancel"): Scope.INDEX,
    ("POST", "/v1/jobs/{job_id}/retry"): Scope.INDEX,
}
PASSED = {200, 404, 422, 503}
"""What a request hears that was let in: mostly that the model is not loaded here, and no such clip or job is."""


@pytest.fixture
def keys(tmp_path: Path, database_url: str) -> Keys:
    return Keys(open_database(tmp_path, database_url))


def guarded(app: FastAPI) -> list[tuple[str, str]]:
    """Every operation that is not public."""
    paths = app.openapi()["paths"]
    operations = {(method.upper(), path) for path in paths for method in paths[path]}
    assert operations >= PUBLIC
    return sorted(operations - PUBLIC)


def asked(client: TestClient, method: str, path: str, key: str | None) -> tuple[int, str]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    answer = client.request(method, re.sub(r"\{\w+\}", "9f2c61d0a4b7e853", path), headers=headers)
    return answer.status_code, answer.text


def test_every_route_is_asked_by_everybody(tmp_path: Path, database_url: str, keys: Keys) -> None:
    app = create_app(store_dir=tmp_path, is_local=False, database_url=database_url)
    assert guarded(app) == sorted(NEEDS), "a new route says here what it needs"
    _, texts = zip(*(keys.create(name=scope, scope=scope) for scope in Scope), strict=True)
    revoked, revoked_text = keys.create(name="revoked", scope=Scope.ADMIN)
    keys.revoke(revoked.key_id)
    stranger = revoked_text[:-4] + "aaaa"
    client = client_of(app)
    for (method, path), needed in NEEDS.items():
        for key in (None, "", "sgk", "sgk_x_y", "päss", stranger, revoked_text, texts[0].upper()):
            headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path, key)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert str(tmp_path) not in answer.text
        for scope, key in zip(Scope, texts, strict=True):
            status, text = asked(client, method, path, key)
            assert status in (PASSED if scope.includes(needed) else {403}), (method, path, scope)
            assert key not in text
    for path in ("/healthz", "/readyz"):
        assert asked(client, "GET", path, None)[0] in (200, 503)


def test_without_keys_it_is_open_on_this_machine_alone(tmp_path: Path) -> None:
    local = client_of(create_app(store_dir=tmp_path))
    assert local.get("/v1/libraries").status_code == 503, "open: only the model is not there yet"
    for name in ("localhost:8000", "[::1]:8000"):
        assert local.get("/v1/libraries", headers={"Host": name}).status_code == 503
    rebound = local.get("/v1/libraries", headers={"Host": "evil.example"})
    assert (rebound.status_code, "localhost" in rebound.json()["detail"]) == (403, True)
    foreign = local.post("/v1/search", json={"text": "x"}, headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    own = local.post("/v1/search", json={"text": "x"}, headers={"Origin": "http://127.0.0.1:8000"})
    assert own.status_code == 503
    for host in ("[", "[x]", "@", "//"):
        assert local.get("/v1/libraries", headers={"Host": host}).status_code == 403
    for origin in ("http://[", "null", ""):
        assert local.post("/v1/search", json={"text": "x"}, headers={"Origin": origin}).status_code == 403
    elsewhere = client_of(create_app(store_dir=tmp_path, is_local=False)).get("/v1/libraries")
    assert (elsewhere.status_code, "keys create" in elsewhere.json()["detail"]) == (401, True)
    assert not (tmp_path / "service.sqlite").exists(), "looking makes nothing"


def test_once_there_are_keys_this_machine_needs_one_too(
    tmp_path: Path, database_url: str, keys: Keys
) -> None:
    client = client_of(create_app(store_dir=tmp_path, database_url=database_url))
    key, text = keys.create(name="", scope=Scope.SEARCH)
    assert client.get("/v1/libraries").status_code == 401
    assert asked(client, "GET", "/v1/libraries", text)[0] == 503
    keys.revoke(key.key_id)
    assert client.get("/v1/libraries").status_code == 401, (
        "who revokes a key shuts it out, and lets nobody in"
    )


def test_a_key_has_its_share_of_requests_and_is_told_when_to_come_back(
    tmp_path: Path, database_url: str, keys: Keys
) -> None:
    client = client_of(create_app(store_dir=tmp_path, database_url=database_url))
    _, text = keys.create(name="", scope=Scope.SEARCH, requests_per_minute=3)
    _, other = keys.create(name="", scope=Scope.SEARCH)
    assert [asked(client, "GET", "/v1/libraries", text)[0] for _ in range(4)] == [503, 503, 503, 429]
    answer = client.get("/v1/libraries", headers={"Authorization": f"Bearer {text}"})
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    assert asked(client, "GET", "/v1/libraries", other)[0] == 503


def test_the_pages_cookie_opens_only_for_the_page(tmp_path: Path, database_url: str, keys: Keys) -> None:
    client = client_of(create_app(store_dir=tmp_path, database_url=database_url))
    _, text = keys.create(name="", scope=Scope.SEARCH)
    client.cookies.set("sonoglot_key", text)
    assert client.get("/v1/libraries").status_code == 503
    for origin in ("http://evil.example", "http://["):
        assert client.post("/v1/search", headers={"Origin": origin}).status_code == 403
    assert client.post("/v1/search", headers={"Origin": "http://127.0.0.1:8000"}).status_code == 503


def test_a_key_opens_the_page_and_its_cookie_is_for_nobody_else(
    tmp_path: Path, database_url: str, keys: Keys
) -> None:
    client = client_of(create_app(store_dir=tmp_path, database_url=database_url))
    key, text = keys.create(name="", scope=Scope.SEARCH)
    assert client.get("/v1/libraries").status_code == 401
    wrong = client.post("/v1/session", data={"key": text + "x"})
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
    opened = client.post("/v1/session", data={"key": text})
    assert opened.status_code == 204
    told = opened.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert client.get("/v1/libraries").status_code == 503, "it passes; only the model is not there yet"
    client.delete("/v1/session")
    assert client.get("/v1/libraries").status_code == 401
    client.post("/v1/session", data={"key": text})
    keys.revoke(key.key_id)
    assert client.get("/v1/libraries").status_code == 401


def test_it_tells_what_may_be_done(tmp_path: Path, database_url: str, keys: Keys) -> None:
    client = client_of(create_app(store_dir=tmp_path, database_url=database_url))
    assert client.get("/v1/session").json() == {"scope": "admin", "needs_key": False}
    made = {scope: keys.create(name="", scope=scope)[1] for scope in Scope}
    for scope, text in made.items():
        told = client.get("/v1/session", headers={"Authorization": f"Bearer {text}"})
        assert told.json() == {"scope": scope, "needs_key": True}
    assert client.get("/v1/session").status_code == 401
    client.post("/v1/session", data={"key": made[Scope.INDEX]})
    assert client.get("/v1/session").json() == {"scope": "index", "needs_key": True}


def test_a_bucket_fills_evenly() -> None:
    now = [0.0]
    limiter = RateLimiter(now_s=lambda: now[0])
    assert [limiter.wait_s("a", per_minute=2) for _ in range(3)] == [0, 0, 30]
    now[0] = 29.0
    assert limiter.wait_s("a", per_minute=2) == pytest.approx(1)
    now[0] = 30.0
    assert limiter.wait_s("a", per_minute=2) == 0
    now[0] = 1e6
    assert [limiter.wait_s("a", per_minute=2) for _ in range(3)] == [0, 0, 30], (
        "no more than a minute's is kept"
    )


def test_keys_are_kept_as_hashes_and_revoked_once(tmp_path: Path, database_url: str, keys: Keys) -> None:
    key, text = keys.create(name="Ada", scope=Scope.INDEX)
    secret = text.rsplit("_", 1)[-1] if text.count("_") == 2 else text.split("_", 2)[2]
    with open_database(tmp_path, database_url).transaction() as connection:
        assert secret not in repr(connection.execute(select(*KeyRow.__table__.columns)).all())
    assert keys.check(text) == key
    keys.revoke(key.key_id)
    assert keys.check(text) is None
    assert [(held.name, held.revoked_at is None) for held in keys.all()] == [("Ada", False)]
    for unknown in (key.key_id, "none"):
        with pytest.raises(UnknownKeyError):
            keys.revoke(unknown)


def test_a_database_that_cannot_be_used_says_so_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "service.sqlite").write_bytes(b"no database at all" * 100)
    client = client_of(create_app(store_dir=tmp_path))
    answer = client.get("/v1/libraries")
    assert answer.status_code == 503
    assert "database of keys" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text
