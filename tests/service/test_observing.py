"""Ids of requests, the log of them, and what is measured: asked of the real app."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.database import open_database
from service.keys import Keys, Scope
from service.logs import JsonFormatter, TextFormatter
from service.search_service import SearchService
from tests.service.helpers import client_of


class Lines(logging.Handler):
    """Keeps what is logged, as it would be written."""

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(form)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(params=[JsonFormatter, TextFormatter], ids=["json", "text"])
def log(request: pytest.FixtureRequest) -> Iterator[Lines]:
    logger = logging.getLogger("service")
    kept = Lines(request.param())
    before = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    yield kept
    logger.setLevel(before)
    logger.removeHandler(kept)


def measured(client: TestClient) -> dict[tuple[str, ...], float]:
    """Samples by name and values of labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.parametrize("given", ["a-b_c.9", "x" * 64])
def test_a_sane_id_is_kept(client: TestClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "é".encode(), 'a"b', "a\x85b".encode()])
def test_any_other_id_is_replaced(client: TestClient, given: str | bytes) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": given})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/nothing"), ("PUT", "/v1/search"), ("GET", "/v1/clips/none"), ("HEAD", "/")],
)
def test_every_answer_has_an_id_and_problems_say_it(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    own = answer.headers["x-request-id"]
    assert client.request(method, path).headers["x-request-id"] != own
    if answer.status_code >= 400:
        assert answer.json()["request_id"] == own


def test_a_line_is_logged_for_each_request(client: TestClient, log: Lines) -> None:
    client.get("/v1/clips/none?secret=1", headers={"X-Request-Id": "mine"})
    [line] = log.lines
    if line.startswith("{"):
        told = json.loads(line)
        assert told["duration_ms"] > 0
        assert {
            name: told[name] for name in ("request_id", "method", "path", "route", "status", "key_id")
        } == {
            "request_id": "mine",
            "method": "GET",
            "path": "/v1/clips/none",
            "route": "/v1/clips/{clip_id}",
            "status": 422,
            "key_id": None,
        }
    else:
        assert re.search(
            r"^\d{4}-\d\d-\d\dT\S+Z INFO \[mine\] GET /v1/clips/none 422 in \S+ ms, no key$", line
        )
    assert "secret" not in line


def test_a_path_cannot_forge_a_line(client: TestClient, log: Lines) -> None:
    client.get("/v1/clips/a%0a2026%20ERROR")
    [line] = log.lines
    assert "\n" not in line
    assert "a%0A2026%20ERROR" in line


def test_the_log_names_a_key_by_its_id_alone(tmp_path: Path, log: Lines) -> None:
    key, text = Keys(open_database(tmp_path, None)).create(name="", scope=Scope.SEARCH)
    client = client_of(create_app(store_dir=tmp_path))
    client.get("/v1/libraries", headers={"Authorization": f"Bearer {text}"})
    [line] = log.lines
    assert key.key_id in line
    assert text not in line
    assert text[-12:] not in line


def test_a_defect_has_an_id_that_leads_to_its_traceback(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, log: Lines
) -> None:
    def break_down(self: SearchService) -> None:
        raise RuntimeError("of ours")

    monkeypatch.setattr(SearchService, "libraries", break_down)
    answer = client.get("/v1/libraries", headers={"X-Request-Id": "broken"})
    assert (answer.status_code, answer.json()["request_id"]) == (500, "broken")
    assert answer.headers["x-request-id"] == "broken"
    assert answer.headers["x-content-type-options"] == "nosniff"
    failure, access = log.lines
    assert "broken" in failure
    assert "RuntimeError: of ours" in failure
    assert "500" in access


def test_requests_batches_queue_index_and_memory_are_measured(client: TestClient) -> None:
    route = ("/v1/search", "200")
    before = measured(client)
    client.post("/v1/search", json={"text": "a sound that nobody asked for yet"})
    client.app.state.on_stage("embed", 0.03)  # pyright: ignore[reportFunctionMemberAccess]
    after = measured(client)

    def more(name: str, *labels: str) -> float:
        return after[name, *labels] - before.get((name, *labels), 0)

    assert more("sonoglot_request_seconds_count", "POST", *route) == 1
    assert more("sonoglot_text_batch_size_count") == 1
    assert more("sonoglot_text_batch_seconds_count") == 1
    assert more("sonoglot_stage_seconds_count", "embed") >= 1
    assert after[("sonoglot_texts_waiting",)] == 0
    assert after[("sonoglot_index_segments",)] == sum(
        library["segments"] for library in client.get("/v1/libraries").json()["libraries"]
    )
    assert after[("sonoglot_index_generation",)] >= 1
    assert after[("process_resident_memory_bytes",)] > 1e6


def test_unknown_addresses_and_methods_make_no_series_of_their_own(client: TestClient) -> None:
    for number in range(3):
        client.get(f"/nothing-{number}")
        client.request(f"METHOD{number}", "/healthz")
    labels = {key[1:3] for key in measured(client) if key[0] == "sonoglot_request_seconds_count"}
    assert not [route for _, route in labels if "nothing" in route]
    assert not [method for method, _ in labels if "METHOD" in method]


def test_before_anything_is_loaded_there_is_no_index_to_measure(tmp_path: Path) -> None:
    names = {key[0] for key in measured(client_of(create_app(store_dir=tmp_path)))}
    assert "process_resident_memory_bytes" in names
    assert "sonoglot_index_generation" not in names
