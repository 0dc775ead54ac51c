"""What Prometheus scrapes of the API: the site, and the bytes that the API itself has received and sent."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from reelmill.api.access.caller import requires
from reelmill.api.access.roles import Permission
from reelmill.api.services import Site
from reelmill.metrics.http_bytes import CountBytes, HttpBytes
from reelmill.metrics.site_collector import SiteCollector

router: Final = APIRouter(tags=["site"])


def install(app: FastAPI) -> None:
    """Have an application count its bytes; it does so from its first request on.

    Args:
        app: not started yet.
    """
    app.state.http_bytes = HttpBytes()
    app.add_middleware(CountBytes, counted=app.state.http_bytes)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}, "application/openmetrics-text": {}}, "description": "The metrics"}},
    summary="Metrics for Prometheus",
    dependencies=[Depends(requires(Permission.READ_METRICS))],
)
def read_metrics(request: Request, services: Site) -> Response:
    """The site in the text format of Prometheus, read anew by each request."""
    registry = CollectorRegistry()
    registry.register(SiteCollector(services.dispatcher.reader, services.dispatcher.snapshot))
    registry.register(request.app.state.http_bytes)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), headers={"Content-Type": content_type})
