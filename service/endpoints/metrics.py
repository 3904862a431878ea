"""What Prometheus reads."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service import examples
from service.access import requires
from service.endpoints.state import WorkerThreads
from service.keys import Scope
from service.metrics import Metrics

router = APIRouter(tags=["operations"], dependencies=[requires(Scope.ADMIN)])


def _metrics(request: Request) -> Metrics:
    return cast(Metrics, request.app.state.metrics)


@router.get(
    "/metrics",
    summary="Measurements, for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": examples.METRICS}},
        }
    },
)
async def get_metrics(metrics: Annotated[Metrics, Depends(_metrics)], threads: WorkerThreads) -> Response:
    """Return latency by route and by stage, batch sizes, queue, index and memory."""
    text = await threads.look_up(metrics.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})
