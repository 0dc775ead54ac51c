"""The Prefect server of a site without a login, guarded from what browsers send for foreign pages."""

from __future__ import annotations

from prefect.server.api.server import create_app
from prefect.settings import PREFECT_SERVER_CORS_ALLOWED_ORIGINS

from reelmill.origin_guard import OriginGuard


def server() -> OriginGuard:
    """Prefect's server, guarded; its settings name the origins of its UI."""
    return OriginGuard(create_app(final=True), PREFECT_SERVER_CORS_ALLOWED_ORIGINS.value().split(","))
