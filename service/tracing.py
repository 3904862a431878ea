"""Traces requests and the stages of a search for OpenTelemetry, where the operator names a collector.

On when ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set and the extra ``otel`` is installed (OTLP over HTTP); the other variables
of OpenTelemetry's exporter count as well. Nothing of it is imported otherwise.
"""

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import FastAPI

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NOT_TRACED = "/healthz$,/readyz$,/metrics$"  # asked every few seconds, by machines

logger = logging.getLogger(__name__)


def start_tracing_if_asked(app: FastAPI) -> Callable[[], None]:
    """As ``start_tracing``, if the environment names a collector and what is needed is installed."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return lambda: None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return start_tracing(app, OTLPSpanExporter())
    except ModuleNotFoundError as error:
        logger.warning("no traces: %s is not installed; pip install 'sonoglot[otel]'", error.name)
        return lambda: None


def start_tracing(app: FastAPI, exporter: "SpanExporter") -> Callable[[], None]:
    """Trace what an app does; returns what sends the rest, to be called at its end."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "sonoglot")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=provider, excluded_urls=_NOT_TRACED, exclude_spans=["receive", "send"]
    )
    tracer = provider.get_tracer(__name__)
    measure: Callable[[str, float], None] = app.state.on_stage

    def on_stage(stage: str, seconds: float) -> None:
        measure(stage, seconds)
        ended = time.time_ns()
        tracer.start_span(stage, start_time=ended - round(seconds * 1e9)).end(ended)

    app.state.on_stage = on_stage
    return provider.shutdown
