"""Traces of the real app, kept in memory in place of a collector."""

import logging
import sys
from functools import partial
from pathlib import Path

import pytest
from fastapi import Request
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from service.app import create_app
from service.embedder import open_here
from service.tracing import ENDPOINTS, start_tracing
from tests.service.helpers import client_of
from tests.service.http_server import listening


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def test_a_request_is_traced_with_its_stages_inside(tmp_path: Path, kept: InMemorySpanExporter) -> None:
    app = create_app(store_dir=tmp_path)
    heard: list[tuple[str, float]] = []
    app.state.on_stage = lambda stage, seconds: heard.append((stage, seconds))
    end_tracing = start_tracing(app, kept)

    async def staged(request: Request) -> None:
        request.app.state.on_stage("embed", 0.25)

    app.add_api_route("/staged/{name}", staged)
    app.router.routes.insert(0, app.router.routes.pop())  # before the page, which takes all that is left
    client = client_of(app)
    client.get("/staged/a")
    client.get("/healthz")
    end_tracing()
    stage, request = kept.get_finished_spans()
    assert request.name == "GET /staged/{name}"
    assert request.resource.attributes["service.name"] == "sonoglot"
    assert stage.name == "embed"
    assert stage.parent == request.context
    assert seconds_of(stage) == pytest.approx(0.25)
    assert heard == [("embed", 0.25)]


def test_a_failing_request_is_traced_too(tmp_path: Path, kept: InMemorySpanExporter) -> None:
    app = create_app(store_dir=tmp_path)
    end_tracing = start_tracing(app, kept)
    answer = client_of(app).get("/v1/libraries")
    end_tracing()
    [span] = kept.get_finished_spans()
    assert answer.status_code == 503
    assert answer.headers["x-request-id"]
    assert 503 in (span.attributes or {}).values()


def test_without_a_collector_nothing_is_traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    app = create_app(store_dir=tmp_path)
    assert app.state.on_stage == app.state.metrics.observe_stage


def test_the_collector_of_the_environment_gets_the_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[bytes] = []

    async def take(request: Request) -> Response:
        got.append(await request.body())
        return Response()

    with listening(Starlette(routes=[Route("/v1/traces", take, methods=["POST"])])) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        with client_of(create_app(store_dir=tmp_path, open_embedder=partial(open_here, tmp_path))) as client:
            client.get("/v1/libraries")
    assert b"/v1/libraries" in b"".join(got)


def test_a_missing_extra_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.fastapi", None)
    with caplog.at_level(logging.WARNING):
        app = create_app(store_dir=tmp_path)
    assert "sonoglot[otel]" in caplog.text
    assert client_of(app).get("/healthz").status_code == 200


def seconds_of(span: ReadableSpan) -> float:
    assert span.start_time
    assert span.end_time
    return (span.end_time - span.start_time) / 1e9
