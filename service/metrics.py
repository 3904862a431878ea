"""What the server measures of itself, for Prometheus: requests, stages of a search, batches, the queue, the index.

Each application has a registry of its own, so that two in one process do not add up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.observing import Answered

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How things stand at one moment. Of an index that is not there yet, generation and segments are None."""

    texts_waiting: int
    generation: int | None
    segments: int | None


class Metrics:
    """Counts what it is told of; ``standing`` is asked when somebody looks, and is None while nothing is loaded."""

    def __init__(self, standing: Callable[[], Standing | None]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "sonoglot_request_seconds",
            "Time to answer a request, to its last byte.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stages = Histogram(
            "sonoglot_stage_seconds",
            "Time of a stage of a search.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "sonoglot_text_batch_size",
            "Texts that were embedded together.",
            buckets=_BATCH_SIZES,
            registry=self._registry,
        )
        self._batch_seconds = Histogram(
            "sonoglot_text_batch_seconds",
            "Time to embed texts together.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_StandingCollector(standing))
        ProcessCollector(registry=self._registry)

    def observe_request(self, answered: Answered) -> None:
        """Count a request that was answered."""
        labels = (answered.method, answered.route, str(answered.status))
        self._requests.labels(*labels).observe(answered.seconds)

    def observe_stage(self, stage: str, seconds: float) -> None:
        """Count a stage of a search: embed or search."""
        self._stages.labels(stage).observe(seconds)

    def observe_batch(self, size: int, seconds: float) -> None:
        """Count texts that were embedded together, and the time that took."""
        self._batches.observe(size)
        self._batch_seconds.observe(seconds)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class _StandingCollector(Collector):
    """Gauges that are asked for their values rather than told; one whose value is unknown is left out."""

    def __init__(self, standing: Callable[[], Standing | None]) -> None:
        self._standing = standing

    def collect(self) -> Iterator[GaugeMetricFamily]:
        standing = self._standing()
        if standing is None:
            return
        gauges = (
            ("sonoglot_texts_waiting", "Texts that wait to be embedded.", standing.texts_waiting),
            ("sonoglot_index_generation", "Grows with every change of the index.", standing.generation),
            ("sonoglot_index_segments", "Segments that can be found.", standing.segments),
        )
        for name, meaning, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(name, meaning, value=value)
