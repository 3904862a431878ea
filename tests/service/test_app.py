"""The application around the operations: health, libraries, headers, OpenAPI, and failures of our own."""

import asyncio
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from indexer.manifest import manifest_path
from indexer.store import open_store_for_writing
from model.retrieval_model import RetrievalModel
from model.space import EmbeddingSpace
from service import problems
from service.app import PAGE_DIR, create_app
from service.embedder import LocalEmbedder, open_here
from service.errors import NotAvailableError
from service.search_service import SearchService
from tests.service.helpers import client_of, index, serving, wait_until_loaded, write_sounds

OPERATIONS = {
    ("/healthz", "get"), ("/readyz", "get"), ("/v1/search", "post"),
    ("/v1/search/batch", "post"), ("/v1/libraries/{name}/map", "get"), ("/v1/libraries", "get"),
    ("/v1/clips/{clip_id}", "get"), ("/v1/clips/{clip_id}/audio", "get"),
    ("/metrics", "get"), ("/v1/session", "get"), ("/v1/session", "post"), ("/v1/session", "delete"),
    ("/v1/clips/{clip_id}/audio.wav", "get"), ("/v1/clips/{clip_id}/waveform", "get"),
    ("/v1/jobs", "get"), ("/v1/jobs", "post"), ("/v1/jobs/{job_id}", "get"), ("/v1/jobs/{job_id}/events", "get"),
    ("/v1/jobs/{job_id}/cancel", "post"), ("/v1/jobs/{job_id}/retry", "post"),
    ("/v1/libraries", "post"), ("/v1/libraries/{name}", "get"), ("/v1/libraries/{name}", "delete"),
    ("/v1/libraries/{name}/clips", "get"), ("/v1/libraries/{name}/facets", "get"),
    ("/v1/libraries/{name}/uploads", "post"),
    ("/v1/clips/{clip_id}", "patch"), ("/v1/clips/{clip_id}", "delete"),
    ("/v1/clips/{clip_id}/peaks", "get"), ("/v1/clips/{clip_id}/tags", "post"),
}  # fmt: skip


def test_it_lives_and_is_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "model": "sonoglot-compact"}


def test_libraries_are_counted(client: TestClient) -> None:
    libraries = client.get("/v1/libraries").json()["libraries"]
    assert [(library["name"], library["clips"]) for library in libraries] == [("foley", 2), ("weather", 3)]


def test_before_loading_ends_it_lives_but_is_not_ready(store_dir: Path) -> None:
    client = serving(store_dir)  # not entered: the lifespan has not begun
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"].endswith(":loading")


def test_an_index_that_is_behind_is_made_while_loading_and_by_no_request(
    model: RetrievalModel, tmp_path: Path
) -> None:
    write_sounds(tmp_path / "sounds", ["rain.wav"], first_seed=1)
    index(model, tmp_path / "store", "sounds", tmp_path / "sounds")
    manifest_path(tmp_path / "store").unlink()
    service = SearchService(embedder=LocalEmbedder(model), store_dir=tmp_path / "store")
    assert len(service.store().snapshot()) > 0
    assert not manifest_path(tmp_path / "store").exists()
    asyncio.run(service.close())
    with serving(tmp_path / "store") as client:
        wait_until_loaded(client)
        assert manifest_path(tmp_path / "store").exists()


def test_what_embeds_and_died_while_it_was_loaded_is_started_again(store_dir: Path) -> None:
    tries: list[None] = []

    def opening() -> LocalEmbedder:
        tries.append(None)
        if len(tries) == 1:
            raise NotAvailableError("The process has ended.")
        return open_here()

    with client_of(create_app(store_dir=store_dir, open_embedder=opening)) as client:
        wait_until_loaded(client)
        assert client.get("/readyz").status_code == 200
    assert len(tries) == 2


def test_it_is_not_ready_while_nothing_can_be_embedded(store_dir: Path, model: RetrievalModel) -> None:
    class Broken(LocalEmbedder):
        def check(self) -> None:
            raise NotAvailableError("The process that embeds cannot be started.")

    with client_of(create_app(store_dir=store_dir, open_embedder=lambda: Broken(model))) as client:
        wait_until_loaded(client)
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "The process that embeds cannot be started.",
    )


def test_a_missing_model_is_told(store_dir: Path, tmp_path: Path) -> None:
    with serving(store_dir, model_dir=tmp_path / "no-model") as client:
        wait_until_loaded(client)
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":not-available")
    assert "no-model" in answer.json()["detail"]


def test_a_store_of_another_model_is_told(tmp_path: Path) -> None:
    other = EmbeddingSpace(name="other", fingerprint="0" * 64, dim=8)
    with open_store_for_writing(tmp_path, space=other):
        pass
    with serving(tmp_path) as client:
        wait_until_loaded(client)
        answer = client.post("/v1/search", json={"text": "rain"})
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":not-available")
    assert "other" in answer.json()["detail"]


def test_a_defect_of_ours_tells_nothing_of_our_inside(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(self: SearchService) -> None:
        raise RuntimeError("secret at /home/someone/store")

    monkeypatch.setattr(SearchService, "libraries", break_down)
    answer = client.get("/v1/libraries")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "secret at /home/someone/store" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/nothing", 404, None),
        ("GET", "/v1/search", 405, "POST"),
        ("PUT", "/v1/session", 405, "DELETE, GET, POST"),
        ("POST", "/readyz", 405, "GET"),
        ("DELETE", "/v1/clips/none/audio", 405, "GET"),
        ("POST", "/", 405, "GET, HEAD"),
    ],
)
def test_wrong_addresses_are_problems_too(
    client: TestClient, method: str, path: str, status: int, allowed: str | None
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.headers.get("allow") == allowed


def test_the_page_comes_with_a_policy_that_keeps_it_offline(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for file in filter(Path.is_file, PAGE_DIR.rglob("*")):
        assert "https://" not in file.read_text("utf-8"), f"{file} names another server"


def successes(responses: dict[str, dict]) -> list[dict]:
    return [answer["content"] for status, answer in responses.items() if status in ("200", "201", "202")]


def test_openapi_has_an_example_for_everything(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operations = {
        (path, method): entry for path, item in document["paths"].items() for method, entry in item.items()
    }
    assert set(operations) == OPERATIONS
    for name, operation in operations.items():
        says_nothing = "204" in operation["responses"]
        (success,) = [{}] if says_nothing else successes(operation["responses"])
        assert all("example" in c or "examples" in c or kind == "audio/*" for kind, c in success.items()), (
            name
        )
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert answer["content"][problems.MEDIA_TYPE]["examples"], (name, status)
    bodies = operations["/v1/search", "post"]["requestBody"]["content"]
    assert set(bodies) == {"application/json", "multipart/form-data"}
    for body in bodies.values():
        assert body["examples"]


def test_the_examples_of_questions_are_understood(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    examples = document["paths"]["/v1/search"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ]
    for example in examples.values():
        answer = client.post("/v1/search", json=example["value"])
        assert answer.status_code in (200, 404), (
            answer.text
        )  # the clip and library of the examples are not here


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("GET", "/v1/jobs?libary=rain", "library, limit, state"),
        ("GET", "/v1/libraries?q=1", None),
        ("GET", "/v1/session?key=1", None),
        ("POST", "/v1/search?k=5", None),
        ("GET", "/v1/clips/0/peaks?points=20&point=20", "end_s, points, start_s"),
    ],
)
def test_a_query_parameter_that_nobody_knows_is_told(
    client: TestClient, method: str, path: str, known: str | None
) -> None:
    answer = client.request(method, path, json={"text": "rain"} if method == "POST" else None)
    assert answer.status_code == 422
    told = answer.json()["detail"]
    assert "There is no query parameter" in told
    assert told.endswith("There are none." if known is None else f"There are: {known}.")
