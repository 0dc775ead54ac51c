"""What every route stands on, made once for the life of the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from reelmill.api.access.caller import Access
from reelmill.dispatch import Dispatcher, dispatcher
from reelmill.settings import Settings, get_settings


@dataclass(frozen=True)
class Services:
    """One site, as the routes use it; all of it may be used by several threads at once."""

    dispatcher: Dispatcher
    access: Access
    settings: Settings


@contextmanager
def open_services(access: Access) -> Iterator[Services]:
    """The services of this node's site, or of the one that ``PREFECT_API_URL`` names.

    Args:
        access: who knows the callers.

    Yields:
        The services; the one dispatcher behind them is open until the end.

    Raises:
        PlatformError: the site's Prefect server does not respond.
    """
    with dispatcher() as opened:
        yield Services(opened, access, get_settings())


def services_of(request: Request) -> Services:
    """The services that the application of a request stands on."""
    services: Services = request.app.state.services
    return services


#: What a route takes: ``def read(services: Site, …)``.
Site = Annotated[Services, Depends(services_of)]
