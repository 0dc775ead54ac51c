"""Whether the catalogue that is opened from here is that of the site that commands talk to."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from reelmill.cli.server import open_dispatcher
from reelmill.errors import UserError
from reelmill.settings import get_settings
from reelmill.site_discovery import LOOPBACK, accepts_connections, running_site

if TYPE_CHECKING:
    from reelmill.dispatch import Dispatcher

#: Only these choose a server for a command; without them Prefect, which takes a second to import, need not be asked.
_CHOOSING: Final = ("PREFECT_API_URL", "PREFECT_PROFILE")


def require_catalogue() -> None:
    """Refuse where the site is another node's and its database is not named: the catalogue here is not that site's.

    Raises:
        UserError: it is so.
    """
    if get_settings().database_url is not None or not any(os.environ.get(name) for name in _CHOOSING):
        return
    from reelmill.dispatch.server.server_choice import chosen_url

    url = chosen_url()
    if url and not _of_this_node(url):
        raise UserError(
            f"The site at {urlsplit(url).netloc.rpartition('@')[2]} is not this node's, and its catalogue is not known "
            "here, so that only whole ids name its videos: `export REELMILL_DATABASE_URL=` with what "
            "`reelmill login --database` prints there."
        )


def open_with_catalogue() -> AbstractContextManager[Dispatcher]:
    """The queue of the site that is meant, for what reads its catalogue, too.

    Returns:
        A context with its dispatcher.

    Raises:
        UserError: see ``require_catalogue``.
        PlatformError: there is no site.
    """
    require_catalogue()
    return open_dispatcher()


def _of_this_node(url: str) -> bool:
    """Whether this is the address of this node's site, up or not."""
    address, site = urlsplit(url), running_site()
    if site is None:  # a server that answers nevertheless is another account's, or at the other end of a tunnel
        return address.hostname in LOOPBACK and not accepts_connections(url)
    ours = urlsplit(site.api_url)
    return address.port == ours.port and address.hostname in {ours.hostname, *LOOPBACK}
